"""Query a table.

A benchmark answers for one architecture or for all; what was not measured is an error.
"""

import proxybench as pb

bench = pb.load("trained-nasbench201")
print(bench)

best = int(bench.values("test_acc", epochs=3).argmax())
print("best cell:", bench.archs[best])
for seed in ("mean", 0, 1, 2):
    print(f"  test accuracy, seed {seed}: {bench.query(best, metric='test_acc', epochs=3, seed=seed):.2f}")

frame = bench.frame(metrics=["val_acc", "test_acc"], epochs=3)
print(frame.describe().loc[["count", "mean", "min", "max"]].round(2))
