"""Measures what labelled architectures of other spaces or data sets gain where few labels of a new one are known.

    python experiments/transfer.py [--repeats 10] [--targets NAME ...]

`predictors.Transfer` learns from up to 1,024 architectures of its sources and from n of the target; "sources alone" is
the same without any label of the target, and "labels alone" is `ensemble` on the n labels. Sources are

- the tables of other spaces that come with the project, trained on parts of CIFAR-10 for a few epochs,
- the same cells on another data set, of which the learner also reads the graph, or
- standard accuracies of the same cells on the same data set, where robust accuracies are learned.

All columns are this project's proxies of small networks, parameters and FLOPs. Kendall's tau-b with the target on all
architectures that are not isomorphic to one trained on; splits by hash order, the same for all rows of a size. Writes
docs/results/transfer.csv, where the rows of targets that are not named stay. Needs `proxybench fetch nasbench201
nasrobbench201`.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import proxybench as pb
from predictors import ArchBatch, Transfer, make
from proxybench.evaluation.splits import hash_split
from proxybench.ranking.metrics import get_metric

SIZES = (16, 64, 256)
ROBUST_SIZES = (78, 781)
OURS = (
    "trained-nds-darts", "trained-nds-enas", "trained-nds-pnas", "trained-nds-resnext-a", "trained-nasbench201",
    "trained-nasbench101",
)  # fmt: skip
OTHER_SPACES, SAME_CELLS, STANDARD = "other spaces", "same cells, CIFAR-10", "same cells, standard accuracy"
OUTPUT = Path(__file__).parents[1] / "docs" / "results" / "transfer.csv"
HEAD = ("target", "sources", "n_train", "split", "sources_alone", "labels_alone", "transfer")
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Quantity:
    """A measured quantity of a table."""

    table: str
    metric: str
    dataset: str
    epochs: int
    seed: str = "mean"

    def values(self) -> Floats:
        return pb.load(self.table).values(self.metric, dataset=self.dataset, epochs=self.epochs, seed=self.seed)


@dataclass(frozen=True)
class Target:
    """What is learned from few architectures, what is ranked, and the standard accuracy that robust ones start from."""

    learned: Quantity
    ranked: Quantity
    sizes: tuple[int, ...] = SIZES
    standard: Quantity | None = None


def _ours(table: str) -> Target:
    accuracy = Quantity(table, "test_acc", "cifar10", max(pb.load(table).epochs("test_acc")))
    return Target(accuracy, accuracy)


def _standard(dataset: str, validated: str, seed: str) -> Target:
    learned = Quantity("nasbench201", "val_acc", validated, 200, seed)
    return Target(learned, Quantity("nasbench201", "test_acc", dataset, 200))


CIFAR10 = _standard("cifar10", "cifar10-valid", "mean")
PUBLISHED = {
    "nasbench201, CIFAR-10": CIFAR10,
    "nasbench201, CIFAR-100": _standard("cifar100", "cifar100", "888"),
    "nasbench201, ImageNet16-120": _standard("ImageNet16-120", "ImageNet16-120", "888"),
    "nasrobbench201, CIFAR-10, AutoAttack": Target(
        Quantity("nasrobbench201", "robust_acc@pgd_8", "cifar10", 50),
        Quantity("nasrobbench201", "robust_acc@autoattack", "cifar10", 50),
    ),
}


def _robust(standard: Target) -> Target:
    learned, ranked = (
        Quantity("nasrobbench201", f"robust_acc@{attack}", standard.ranked.dataset, 50)
        for attack in ("pgd_8", "autoattack")
    )
    return Target(learned, ranked, ROBUST_SIZES, standard.learned)


ROBUST = {
    f"AutoAttack, {name}": _robust(PUBLISHED[f"nasbench201, {name}"])
    for name in ("CIFAR-10", "CIFAR-100", "ImageNet16-120")
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--targets", nargs="+", metavar="NAME")
    given = parser.parse_args()
    targets = {name: _ours(name) for name in OURS} | PUBLISHED | ROBUST
    chosen = given.targets or list(targets)
    kept = [row for row in _written() if row[0] not in chosen]
    for name in chosen:
        for row in _measured(name, targets[name], given.repeats):
            kept.append(row)
            print(*row, flush=True)
            _write(kept)


def _measured(name: str, target: Target, repeats: int) -> Iterator[tuple[str, ...]]:
    bench, kendall = pb.load(target.ranked.table), get_metric("kendall")
    batch, learned, ranked = _small(target.ranked.table), target.learned.values(), target.ranked.values()
    known = np.flatnonzero(np.isfinite(learned) & np.isfinite(ranked))
    digests = [bench.digests[place] for place in known.tolist()]
    for kind, sources, learner in _sources(target):
        for n in target.sizes:
            for repeat in range(repeats):
                split = hash_split("transfer", repeat, digests, n)
                train, test = known[split.train], known[split.test]
                model = Transfer(sources=sources, learner=learner, unlabelled=batch, random_state=repeat)
                model.fit(batch[train], learned[train])
                predicted = (*model.parts(batch[test]), model.scores(batch[test]))
                taus = [f"{kendall(ranked[test], scores):.4f}" for scores in predicted]
                yield name, kind, str(n), str(repeat), *taus


def _sources(target: Target) -> Iterator[tuple[str, list[tuple[ArchBatch, Floats]], object]]:
    """Each kind of sources that a target has, and what learns from them; None for the default."""
    if target.standard is not None:
        yield STANDARD, [(_small("nasbench201"), target.standard.values())], make("ensemble")
        return
    space = pb.load(target.ranked.table).space.name
    others = [name for name in OURS if pb.load(name).space.name != space]
    yield OTHER_SPACES, [(_small(name), _ours(name).learned.values()) for name in others], None
    if target in PUBLISHED.values() and target != CIFAR10:
        yield SAME_CELLS, [(_small("nasbench201"), CIFAR10.learned.values())], make("ensemble")


def _small(table: str) -> ArchBatch:
    """The architectures with this project's proxies of small networks, parameters and FLOPs."""
    batch = pb.load(table).batch("all")
    names = [name for name in batch.columns if name.startswith("proxy:") and name.endswith("@proxybench")]
    return ArchBatch(batch.archs, {name: batch.column(name) for name in names if not name.startswith("proxy:random")})


def _written() -> list[tuple[str, ...]]:
    if not OUTPUT.exists():
        return []
    with OUTPUT.open(newline="") as stream:
        return [tuple(row) for row in csv.reader(stream)][1:]


def _write(rows: list[tuple[str, ...]]) -> None:
    with OUTPUT.open("w", newline="") as stream:
        csv.writer(stream, lineterminator="\n").writerows([HEAD, *rows])


if __name__ == "__main__":
    main()
