"""The environment of the processes that the harness starts."""

# Same figures whatever the number of workers: BLAS sums in another order with more threads, and sets of strings are
# in another order with each hash seed. Cells are what runs in parallel; who wants threads inside them sets these.
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "VECLIB_MAXIMUM_THREADS": "1",
    "PYTHONHASHSEED": "0",
}
