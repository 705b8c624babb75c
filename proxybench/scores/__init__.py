"""Scores of architectures by the proxies of this project: the file of a sweep, and those that come with the project.

Imports spaces and readers; sweeps write the files read here.
"""
