r"""Trains the supernets whose estimates the project compares with its own trainings of a table.

    python experiments/one_shot.py --images cifar10:cifar-10-python.tar.gz --folder one-shot
    python experiments/one_shot.py --collect --folder one-shot
    python experiments/one_shot.py --table trained-resnet20-pooling --images ... --folder one-shot-pooling

Trains the supernets of the plan of a table, see STUDIES, at its recipe, each in a process of its own, and keeps in the
folder of each its weights, its estimates of all architectures and `cost.json`: processor seconds, paths, peak memory.
All methods pass about as many paths over the images: an epoch of FairNAS is five times as long. Rerunning resumes.
`--only spos,pada` and `--seeds 0` do a part. `--collect` writes the architectures that all supernets have estimated so
far: the estimates of the methods on the board to data/tables/TABLE-supernets.parquet, the agreement of all to a file of
docs/results.

    python experiments/one_shot.py --published

computes Kendall's tau of the two published columns of estimates of NAS-Bench-201, which few-shot NAS reports as 0.485
and 0.551; the table comes from `proxybench fetch nasbench201`.
"""

from __future__ import annotations

import argparse
import csv
import json
import resource
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

import proxybench as pb
from proxybench.files import replace_file
from proxybench.oneshot import OneShot
from proxybench.oneshot.agreement import MEASURES, agreement
from proxybench.oneshot.estimator import NAME, NAME_SHARED
from proxybench.tables.importers.own_files import FORMAT, SETTING
from proxybench.training.recipe import default_recipe

ROOT = Path(__file__).parents[1]
SEEDS = ("0", "1", "2")
COST = "cost.json"  # in the folder of a supernet
COSTS = ("train_s", "estimate_s", "paths", "peak_mb")
FEWEST = 200  # architectures, or all of a smaller table; with fewer estimates a supernet is left out


@dataclass(frozen=True)
class Supernet:
    """What is trained for each seed.

    Attributes:
        method: name of the method.
        epochs: passes over the training images.
        settings: of the method.
        averaged: last epochs whose weights are averaged.
    """

    method: str
    epochs: int = 30
    settings: dict[str, bool | int] = field(default_factory=dict)
    averaged: int = 1

    @property
    def described(self) -> str:
        """The training in words."""
        settings = "".join(f", {name} {str(value).lower()}" for name, value in self.settings.items())
        averaged = f", weights averaged over the last {self.averaged} epochs" if self.averaged > 1 else ""
        return f"{self.method} for {self.epochs} epochs{settings}{averaged}"


@dataclass(frozen=True)
class Study:
    """The supernets that are compared with the trainings of a table.

    Attributes:
        table: name of the table.
        plan: the supernets by name.
        on_the_board: those whose estimates become columns of the table.
        agreement: file of docs/results with the agreement of all.
        with_shared_statistics: those estimated with the statistics of the training too.
    """

    table: str
    plan: dict[str, Supernet]
    on_the_board: tuple[str, ...]
    agreement: str
    with_shared_statistics: tuple[str, ...] = ()

    @property
    def space(self) -> str:
        """The search space of the table."""
        return pb.load(self.table).space.name


CELLS = Study(
    "trained-nasbench201",
    {
        "spos": Supernet("spos"),
        "pada": Supernet("pada"),
        "gm": Supernet("gm"),
        "fairnas": Supernet("fairnas", epochs=6),
        "few-shot": Supernet("few-shot"),
        "gm-arbitrary": Supernet("gm", settings={"by_gradients": False}),
        "spos-10": Supernet("spos", epochs=10),
        "spos-90": Supernet("spos", epochs=90),
        "distinct": Supernet("distinct"),
        "spos-averaged": Supernet("spos", averaged=5),
    },
    ("spos", "fairnas", "few-shot", "gm", "pada"),
    "one-shot.csv",
    ("spos",),
)
POOLINGS = Study(
    "trained-resnet20-pooling",
    {
        "spos": Supernet("spos"),
        "mixture-2": Supernet("mixture", settings={"models": 2}),
        "mixture-4": Supernet("mixture", settings={"models": 4}),
    },
    ("spos", "mixture-2", "mixture-4"),
    "one-shot-pooling.csv",
)
STUDIES = {study.table: study for study in (CELLS, POOLINGS)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", choices=STUDIES, default=CELLS.table)
    parser.add_argument("--images")
    parser.add_argument("--folder", type=Path, default=Path("one-shot"), help="for the supernets")
    parser.add_argument("--seeds", default=",".join(SEEDS))
    parser.add_argument("--only", help="names of the plan, separated by commas")
    parser.add_argument("--train", nargs=2, metavar=("NAME", "SEED"), help="one supernet, in this process")
    parser.add_argument("--collect", action="store_true")
    parser.add_argument("--published", action="store_true")
    options = parser.parse_args(sys.argv[1:])
    study = STUDIES[options.table]
    if options.published:
        check_published()
    elif options.collect:
        write_estimates(study, options.folder)
        write_agreement(study, options.folder)
    elif options.train:
        train(study, options.train[0], int(options.train[1]), options.images, options.folder)
    else:
        names = study.plan if options.only is None else options.only.split(",")
        for seed in options.seeds.split(","):
            for name in names:
                command = [sys.executable, __file__, "--table", study.table, "--images", options.images]
                subprocess.run([*command, "--folder", str(options.folder), "--train", name, seed], check=True)


def train(study: Study, name: str, seed: int, images: str, folder: Path) -> None:
    """Train a supernet of the plan, note what that cost, and estimate all architectures of the table."""
    plan, place = study.plan[name], folder / f"{name}-{seed}"
    archs = list(pb.load(study.table).archs)
    both = name in study.with_shared_statistics
    if len(kept(place)) == len(archs) and (not both or len(kept(place, NAME_SHARED)) == len(archs)):
        return
    shot = OneShot(study.space, plan.method, epochs=plan.epochs, seed=seed, averaged=plan.averaged, **plan.settings)
    shot.fit(images, place)
    if not (place / COST).is_file():
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        figures = {"train_s": round(shot.trainer.seconds, 1), "paths": shot.trainer.passes, "peak_mb": round(peak)}
        replace_file(place / COST, json.dumps(figures).encode())
    shot.estimates(archs)
    if both:
        shot.estimates(archs, own_statistics=False)
    print(name, seed, "is trained and its estimates are complete", flush=True)


def kept(place: Path, file: str = NAME) -> dict[str, tuple[float, float, float]]:
    """Accuracy in percent, loss in nats and processor seconds of what a supernet has estimated, by architecture."""
    path = place / file
    if not (path.is_file() and (place / COST).is_file()):
        return {}
    found = json.loads(path.read_text())["estimates"]
    return {arch: tuple(np.nan if x is None else x for x in row) for arch, row in found.items()}


def supernets(study: Study, folder: Path, names: Iterable[str], file: str = NAME) -> tuple[list[str], list[str]]:
    """The names of which every seed has at least FEWEST estimates, and the architectures that all of them have.

    These are a uniform sample: the table is in the order of digests, and so are the estimates.
    """
    archs = pb.load(study.table).archs
    done = {name: [kept(folder / f"{name}-{seed}", file) for seed in SEEDS] for name in names}
    chosen = [name for name, found in done.items() if min(map(len, found)) >= min(FEWEST, len(archs))]
    return chosen, [arch for arch in archs if all(arch in found for name in chosen for found in done[name])]


def write_estimates(study: Study, folder: Path) -> None:
    """Write the file that the importer `supernet_estimates` reads."""
    names, archs = supernets(study, folder, study.on_the_board)
    n, parts = len(archs), []
    for seed in SEEDS:
        columns: dict[str, object] = {"arch": archs, "dataset": ["cifar10"] * n, "epochs": [0] * n, "seed": [seed] * n}
        for name in names:
            place = folder / f"{name}-{seed}"
            found = kept(place)
            accuracy, loss, seconds = np.array([found[arch] for arch in archs]).T
            columns[f"oneshot:{name}"] = accuracy.round(4)
            columns[f"oneshot:{name}-loss"] = -loss.round(5)
            columns[f"oneshot_s:{name}"] = seconds.round(3)
            columns[f"supernet_s:{name}"] = [json.loads((place / COST).read_text())["train_s"]] * n
        parts.append(pa.table(columns))
    setting = {
        "format": FORMAT,
        "space": study.space,
        "supernets": {name: study.plan[name].described for name in names},
        "recipe": default_recipe(study.space).to_json(),
        "torch": str(torch.__version__),
    }
    table = pa.concat_tables(parts).replace_schema_metadata({SETTING: json.dumps(setting)})
    path = ROOT / "data" / "tables" / f"{study.table}-supernets.parquet"
    pq.write_table(table, path, compression="zstd")
    print(f"{path}: {n} architectures, {', '.join(names)}")


def write_agreement(study: Study, folder: Path) -> None:
    """Write a row for each supernet and kind of estimate: agreement with the table, and cost."""
    bench = pb.load(study.table)
    truth = dict(zip(bench.archs, bench.values("test_acc", epochs=bench.epochs("test_acc")[-1]), strict=True))
    rows: list[list[object]] = []
    for statistics, file in (("own", NAME), ("shared", NAME_SHARED)):
        names, archs = supernets(study, folder, study.plan, file)
        for name in names:
            for seed in SEEDS:
                found, cost = kept(folder / f"{name}-{seed}", file), folder / f"{name}-{seed}" / COST
                accuracy, loss, seconds = np.array([found[arch] for arch in archs]).T
                costs = {**json.loads(cost.read_text()), "estimate_s": round(seconds.mean() * len(bench), 1)}
                for by, scores in (("accuracy", accuracy), ("loss", -loss)):
                    figures = agreement([truth[arch] for arch in archs], scores).values()
                    plan = study.plan[name]
                    row = [name, plan.method, seed, plan.epochs, by, statistics, len(archs)]
                    rows.append([*row, *(f"{value:.4f}" for value in figures), *(costs[name] for name in COSTS)])
    head = ("name", "method", "seed", "epochs", "by", "statistics", "cells", *MEASURES, *COSTS)
    path = ROOT / "docs" / "results" / study.agreement
    with path.open("w", newline="") as stream:
        csv.writer(stream, lineterminator="\n").writerows([head, *rows])
    print(f"{path}: {len(rows)} rows")


def check_published() -> None:
    bench = pb.load("nasbench201")
    accuracies = bench.values("test_acc", dataset="cifar10", epochs=200, seed="mean")
    for name in ("oneshot:one-shot", "oneshot:few-shot"):
        estimates = bench.values(name, dataset="cifar10")
        print(name, *(f"{measure} {value:.4f}" for measure, value in agreement(accuracies, estimates).items()))


if __name__ == "__main__":
    main()
