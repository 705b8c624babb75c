"""Restricted readers of files of unknown origin; no code of a file runs, and sizes are bounded before memory is taken.

Imports nothing of proxybench but its errors.
"""
