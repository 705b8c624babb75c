"""Fit a predictor.

It learns from 50 cells of NAS-Bench-101 and ranks the other 450; with the proxies among its inputs it does better.
"""

import proxybench as pb
from predictors import make

bench = pb.load("trained-nasbench101")
y = bench.values("test_acc", epochs=3)
for columns in ("none", "training-free", "all"):
    X = bench.batch(columns)
    model = make("ensemble", random_state=0).fit(X[:50], y[:50])
    tau = pb.rank_metrics(y[50:], model.predict(X[50:]))["kendall"]
    print(f"graphs and {len(X.columns):2} columns: tau {tau:.2f}")
