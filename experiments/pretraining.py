"""Measures what pre-training on free statistics gains where few accuracies are known, with intervals.

    python experiments/pretraining.py [--dataset cifar10] [--sizes 78 156] [--repeats 20] [--threads 1]
    python experiments/pretraining.py --labels ImageNet16-120     # accuracies on another dataset as a statistic
    python experiments/pretraining.py --source nasbench101        # statistics of another space

Needs the tables it names. Kendall's tau-b of predictions and test accuracy after 200 epochs on all cells of
NAS-Bench-201 that are not isomorphic to one trained on; training on validation accuracy of n cells. Splits are by hash
order, the same for all rows of the table, so that gains are paired. With the graph alone, and with columns in addition
to it; "from scratch" is the same network and training without pre-training. By default the statistics of all
15,625 cells are learned, also of those that are scored: they are free for these too. Pre-training is done once and
shared by all repeats, so the intervals (95 %, Student's t over repeats) hold for splits and fine-tuning, not for it.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass

import numpy as np

import proxybench as pb
from predictors.arch import ArchBatch
from predictors.pretraining import Pretrained
from proxybench.evaluation.splits import hash_split
from proxybench.ranking.intervals import half_interval


@dataclass(frozen=True)
class Setting:
    name: str
    pretrained: bool
    columns: bool


SETTINGS = [
    Setting(f"{what}, {how}", how == "pre-trained", what != "graph")
    for what in ("graph", "graph and columns")
    for how in ("from scratch", "pre-trained")
]


def main(options: argparse.Namespace) -> None:
    bench = pb.load("nasbench201")
    cells = bench.batch(dataset=options.dataset)
    frame = bench.frame(dataset=options.dataset, metrics=["val_acc", "test_acc"], epochs=200, seed="mean")
    train, target = (frame[name].to_numpy() for name in ("val_acc", "test_acc"))
    unlabelled = cells if options.source is None else pb.load(options.source).batch()
    if options.labels is not None:
        others = bench.values("val_acc", dataset=options.labels, epochs=200, seed="mean")
        unlabelled = cells.with_columns(**{f"source:{options.labels}": others})
    shared = {"encoder": options.encoder, "threads": options.threads, "pretraining_steps": options.steps}
    start = time.perf_counter()
    learned = Pretrained(**shared).pretrain(unlabelled).start
    print(
        f"{options.encoder}: {len(unlabelled)} architectures, {len(learned.statistics)} statistics, "
        f"{options.steps} steps"
    )
    print(f"pre-training {time.perf_counter() - start:.0f} s; their tau by name: {statistics(learned, unlabelled)}")
    for size in options.sizes:
        print(f"n = {size}, {options.repeats} repeats")
        taus = {setting.name: [] for setting in SETTINGS}
        for repeat in range(options.repeats):
            split = hash_split(f"pretraining-{options.dataset}", repeat, bench.digests, size)
            for setting in SETTINGS:
                begin = {"start": learned} if setting.pretrained else {"pretraining_steps": 0}
                model = Pretrained(**{**shared, **begin}, columns=setting.columns, random_state=repeat)
                model.fit(cells[split.train], train[split.train])
                taus[setting.name].append(model.score(cells[split.test], target[split.test]))
        for scratch, pretrained in zip(SETTINGS[::2], SETTINGS[1::2], strict=True):
            for setting in (scratch, pretrained):
                print(f"  {setting.name:<32} {interval(taus[setting.name])}")
            gain = np.subtract(taus[pretrained.name], taus[scratch.name])
            print(f"  {'gain':<32} {interval(gain)}")


def statistics(learned, unlabelled: ArchBatch) -> str:
    """Kendall's tau of what was learned first, on 1,000 of the architectures that it was learned from."""
    from predictors.ensemble import kendall

    some = unlabelled[np.random.default_rng(0).permutation(len(unlabelled))[:1000]]
    found = []
    for name, values in zip(learned.statistics, learned.predict(some).T, strict=True):
        known = np.isfinite(some.columns[name])
        found.append(f"{name} {kendall(values[known], some.columns[name][known]):.2f}")
    return ", ".join(found)


def interval(values) -> str:
    """Mean and the interval of the mean; no interval of a single value."""
    mean, half = float(np.mean(values)), half_interval(values)
    return f"{mean:+.3f}" if half is None else f"{mean:+.3f} [{mean - half:+.3f}, {mean + half:+.3f}]"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", default="cifar10")
    parser.add_argument("--sizes", type=int, nargs="+", default=[78, 156, 469])
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--encoder", default="gates")
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--threads", type=int, default=1)
    other = parser.add_mutually_exclusive_group()
    other.add_argument("--labels", metavar="DATASET")
    other.add_argument("--source", metavar="BENCHMARK")
    main(parser.parse_args())
