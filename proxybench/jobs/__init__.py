"""Jobs: claimed, run in watched processes, on Dask or here, recorded, resumed.

One way of running them (`run`, `dask_run`), and two stores (`store.JobStore`) of what is to be done and has been done:
records in JSON lines (`journal_store`), and chunks of work in parquet shards (`shard_store`).

Depends on records and readers; independent of tables, tasks, networks and methods.
"""
