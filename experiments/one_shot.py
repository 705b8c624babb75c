r"""One-shot estimates of the 500 cells of the table trained-nasbench201, against their test accuracies.

    python experiments/one_shot.py --images cifar10:cifar-10-python.tar.gz --folder one-shot

Trains a supernet for each method and seed at the recipe of the table, estimates all cells, and writes one row for each
method, seed and kind of estimate: measures of agreement and processor seconds. All methods pass about as many paths
over the images: an epoch of FairNAS is five times as long. Rerunning resumes; the CSV is rewritten after every
supernet. `--seeds 1` does the first seed only.

    python experiments/one_shot.py --published

computes Kendall's tau of the two published columns of estimates of NAS-Bench-201, which few-shot NAS reports as 0.485
and 0.551; the table comes from `proxybench fetch nasbench201`.
"""

from __future__ import annotations

import argparse
import csv
import sys
from pathlib import Path

import proxybench as pb
from proxybench.oneshot import OneShot
from proxybench.oneshot.agreement import MEASURES, agreement

TABLE = "trained-nasbench201"
EPOCHS = {"spos": 30, "fairnas": 6, "few-shot": 30}
HEAD = ("method", "seed", "epochs", "paths", "estimate", *MEASURES, "train_cpu_s", "estimate_cpu_s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images")
    parser.add_argument("--folder", type=Path, default=Path("one-shot"), help="for the supernets")
    parser.add_argument("--csv", type=Path, default=Path("experiments/one_shot.csv"))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--published", action="store_true")
    options = parser.parse_args(sys.argv[1:])
    if options.published:
        check_published()
        return
    rows: list[list[object]] = []
    for seed in range(options.seeds):
        for method, epochs in EPOCHS.items():
            rows += measured(method, epochs, seed, options.images, options.folder / f"{method}-{seed}")
            with options.csv.open("w", newline="") as stream:
                csv.writer(stream, lineterminator="\n").writerows([HEAD, *rows])


def measured(method: str, epochs: int, seed: int, images: str, folder: Path) -> list[list[object]]:
    """Two rows: estimates by accuracy and by loss."""
    bench = pb.load(TABLE)
    truth = bench.values("test_acc", epochs=3)
    shot = OneShot("nasbench201", method, epochs=epochs, seed=seed).fit(images, folder)
    found = shot.estimates(list(bench.archs))
    rows: list[list[object]] = []
    for name, scores in (("accuracy", found.accuracy), ("loss", -found.loss)):
        figures = [f"{value:.4f}" for value in agreement(truth, scores).values()]
        seconds = (f"{shot.trainer.seconds:.1f}", f"{found.seconds:.1f}")
        rows.append([method, seed, epochs, shot.trainer.passes, name, *figures, *seconds])
        print(*rows[-1], flush=True)
    return rows


def check_published() -> None:
    bench = pb.load("nasbench201")
    accuracies = bench.values("test_acc", dataset="cifar10", epochs=200, seed="mean")
    for name in ("oneshot:one-shot", "oneshot:few-shot"):
        estimates = bench.values(name, dataset="cifar10")
        print(name, *(f"{measure} {value:.4f}" for measure, value in agreement(accuracies, estimates).items()))


if __name__ == "__main__":
    main()
