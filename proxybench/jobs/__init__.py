"""Jobs: claimed, run in watched processes or on Dask, recorded, resumed. Cells go to JSON lines, chunks to parquet.

Knows records and readers; nothing of tables, tasks, networks or methods.
"""
