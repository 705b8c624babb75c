"""Evaluation: tasks, splits and methods, and how one of them on another becomes a record.

Imports tables, sweeps, jobs and ranking; the front door and the command line import it.
"""
