"""Restricted readers for untrusted files; no code in a file runs, and sizes are checked before memory is allocated.

Imports nothing from proxybench except its errors.
"""
