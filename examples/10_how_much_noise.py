"""How much of a ranking is noise.

Trainings with different seeds disagree; no score can rank the mean of three better than the ceiling.
"""

import numpy as np

import proxybench as pb

for name in ("trained-nasbench201", "trained-nasbench101", "trained-nds-darts"):
    bench = pb.load(name)
    runs = np.column_stack([bench.values("test_acc", epochs=3, seed=seed) for seed in (0, 1, 2)])
    ceiling = pb.stats.noise_ceiling(runs)
    score = bench.batch("all").column("proxy:zen@proxybench")
    tau = pb.rank_metrics(runs.mean(axis=1), score)["kendall"]
    share = pb.stats.share_of_ceiling(tau, ceiling.attainable.value)
    print(
        f"{name:20} two trainings {ceiling.seed_to_seed.value:.2f}, ceiling {ceiling.attainable.value:.2f}, "
        f"zen {tau:.2f}: {share:.0%} of it"
    )
