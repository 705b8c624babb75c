"""Predict with standard deviations.

`target="raw"` predicts in percent. How many accuracies lie in their intervals? Measure it before you rely on them.
"""

import numpy as np

import proxybench as pb
from predictors import make

bench = pb.load("trained-nasbench101")
X, y = bench.batch("all"), bench.values("test_acc", epochs=3)
model = make("gp", random_state=0, target="raw").fit(X[:150], y[:150])
mean, deviation = model.predict(X[150:]), model.predict_std(X[150:])
for share, width in ((0.5, 0.674), (0.8, 1.282), (0.95, 1.960)):
    inside = np.abs(y[150:] - mean) <= width * deviation
    print(f"{share:.0%} intervals hold {inside.mean():.0%} of {len(inside)} accuracies")
