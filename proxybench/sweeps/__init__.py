"""Sweeps: proxies of the networks of many architectures, computed once each, resumable, into one file of scores.

Imports jobs, proxies, networks, images and scores; nothing of evaluation.
"""
