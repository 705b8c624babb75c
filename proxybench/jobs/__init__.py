"""Jobs: claimed, run in supervised processes or on Dask, recorded, resumed. Jobs go to JSON lines, chunks to parquet.

Depends on records and readers; independent of tables, tasks, networks and methods.
"""
