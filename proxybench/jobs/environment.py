"""The environment of the processes that the harness starts."""

# Results must not depend on the number of workers: BLAS sums in another order with more threads, and the order of sets
# of strings depends on the hash seed. Jobs are what runs in parallel; set these variables to use threads inside jobs.
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "VECLIB_MAXIMUM_THREADS": "1",
    "PYTHONHASHSEED": "0",
}
