"""Sweeps: zero-cost proxies of many architectures, computed once each, resumable, into one parquet file."""
