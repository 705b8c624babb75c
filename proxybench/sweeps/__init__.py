"""Sweeps: resumable computation of proxies for the networks of many architectures, into one file of scores.

Imports jobs, proxies, networks, images and scores, but not evaluation.
"""
