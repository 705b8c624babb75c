"""Batches of labelled images from archives, parquet files, scikit-learn's digits, or noise.

Imports readers only.
"""
