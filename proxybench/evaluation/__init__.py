"""Evaluation: tasks, splits and methods, and how a method's result on a task becomes a record.

Imports tables, sweeps, jobs and ranking; the front door and the command line import it.
"""
