"""Measures ParZC and what its parts are worth, on architectures that have statistics of their nodes.

    python tests/bench/bench_parzc.py run RUNS.jsonl SECONDS [--task NAME] [--entrants NAME ...] [--sizes N ...]
                                          [--repeats 20] [--first 0] [--threads 1]
    python tests/bench/bench_parzc.py show RUNS.jsonl

The first form spends SECONDS on cells that RUNS.jsonl does not hold yet (one that has begun is finished), repeat by
repeat, and can be called again; several processes may share the file. Then it prints what the second form prints:
Kendall's tau-b and Spearman's rho with the task's target on all architectures not trained on, means and 95 % intervals
of Student's t over repeats, and the paired difference from "parzc".

Splits and targets are those of the task in data/tasks.toml, as far as architectures have statistics: all of
NAS-Bench-201, 2,000 cells of NAS-Bench-101. Methods see the graph and the proxies that this project computed itself
(batch("computed")), whose images are CIFAR-10's: on other datasets they rank with statistics of another one. Entrants
with "nodes" in their name see no more than the node statistics, and "totals" no more than their sums. ParZC's settings
were chosen on training parts of repeats from 100 on, of nasbench201-cifar10-predict, by its validation accuracy.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from pathlib import Path

import msgspec
import numpy as np
from scipy.stats import kendalltau, spearmanr

import proxybench as pb
from predictors import make
from predictors.arch import ArchBatch
from predictors.encodings import Columns, NodeStatistics
from predictors.parzc import FreeParZC, PaperParZC, ParZC
from proxybench.harness.journal import Journal
from proxybench.harness.provenance import provenance
from proxybench.harness.splits import hash_split
from proxybench.harness.tasks import load_tasks
from proxybench.ranking.intervals import half_interval
from proxybench.records import Cell, Record, read_records

NODES_ONLY = {"encoding": "", "totals": False}
PUBLIC = ("grad_norm", "snip", "synflow")  # those of the authors' code on NAS-Bench-101 and 201
PARZC = {
    "parzc": {},
    "parzc, plain layers": {"bayesian": False},
    "parzc, divergence 1/n": {"divergence": 1.0},
    "parzc, channels only": {"mixing": "channels"},
    "parzc, perceptron": {"mixing": "mlp"},
    "parzc, diffkendall": {"loss": "diffkendall"},
    "parzc, diffkendall annealed": {"loss": "diffkendall-annealed"},
    "parzc, hinge": {"loss": "hinge"},
    "parzc, listmle": {"loss": "listmle"},
    "parzc, no nodes": {"segment": 0},
    "parzc, no graph": {"encoding": "columns"},
    "nodes: parzc": NODES_ONLY,
    "nodes: parzc and totals": {"encoding": ""},
    "nodes: parzc, three proxies": {**NODES_ONLY, "proxies": PUBLIC},
    "nodes: parzc, min-max": {**NODES_ONLY, "scale": "minmax"},
    "nodes: parzc, diffkendall": {**NODES_ONLY, "loss": "diffkendall"},
    "totals: parzc": {"encoding": "", "segment": 0},
}
OTHERS = ("nodes: paper", "nodes: free", "nodes: gbdt", "totals: gbdt", "gbdt", "gbdt and nodes")
ENTRANTS = (*PARZC, *OTHERS)


def model_of(entrant: str, batch: ArchBatch, repeat: int, threads: int):
    if entrant in PARZC:
        return ParZC(random_state=repeat, threads=threads, **PARZC[entrant])
    if entrant == "nodes: paper":
        return PaperParZC(random_state=repeat, threads=threads)
    if entrant == "nodes: free":
        return FreeParZC()
    totals = tuple(f"proxy:{name.removeprefix('nodes:')}@proxybench" for name in batch.nodes)
    encodings = {
        "nodes: gbdt": [NodeStatistics()],
        "totals: gbdt": [Columns(only=totals)],
        "gbdt": "reduced+columns",
        "gbdt and nodes": "reduced+columns+nodes",
    }[entrant]
    return make("gbdt", encodings=encodings, random_state=repeat)


class Posed:
    """A task on the architectures that have statistics of their nodes."""

    def __init__(self, name: str) -> None:
        self.task = msgspec.structs.replace(load_tasks()[name], columns="all")
        bench = pb.load(self.task.benchmark)
        batch = bench.batch("computed", dataset=self.task.dataset)
        known = np.any([np.diff(ragged.offsets) > 0 for ragged in batch.nodes.values()], axis=0)
        rows = self.task.rows(bench)
        rows = rows[known[rows]]
        self.batch = batch[rows]
        self.digests = [bench.digests[row] for row in rows]
        self.told, self.target = (
            bench.values(one.metric, dataset=self.task.dataset, epochs=one.epochs, seed=one.seed)[rows]
            for one in (self.task.train_target, self.task.target)
        )
        self.identity = msgspec.structs.replace(
            self.task.identity(bench),
            name=f"{name} by nodes",
            size=len(rows),
            population=f"{self.task.population}; those with node statistics; methods see this project's own proxies",
        )

    def record(self, entrant: str, n: int, repeat: int, threads: int) -> Record:
        split = hash_split(self.task.name, repeat, self.digests, n)
        model = model_of(entrant, self.batch, repeat, threads)
        start, busy = time.perf_counter(), time.process_time()
        model.fit(self.batch[split.train], self.told[split.train])
        fitted, fit_cpu = time.perf_counter(), time.process_time() - busy
        predicted = model.predict(self.batch[split.test])
        done, target = time.perf_counter(), self.target[split.test]
        return Record(
            task=self.identity,
            method=entrant,
            kind="predictor",
            outcome="ok",
            metrics={
                "kendall": float(kendalltau(predicted, target).statistic),
                "spearman": float(spearmanr(predicted, target).statistic),
            },
            repeat=repeat,
            n_train=n,
            cost={
                "fit_s": fitted - start,
                "fit_cpu_s": fit_cpu,
                "predict_s": (done - fitted) / len(predicted),
                "predict_cpu_s": (time.process_time() - busy - fit_cpu) / len(predicted),
            },
            provenance=provenance(),
        )


def run(asked: argparse.Namespace) -> None:
    end = time.monotonic() + asked.seconds
    posed, journal = Posed(asked.task), Journal(asked.runs)
    done = journal.cells()
    sizes = asked.sizes or [n for n in posed.task.sizes if n < 0.8 * len(posed.batch)]
    cells = [
        (repeat, n, entrant)
        for repeat in range(asked.first, asked.repeats)
        for n in sizes
        for entrant in asked.entrants
        if Cell(posed.identity.name, entrant, "{}", n, repeat) not in done
    ]
    for repeat, n, entrant in cells:
        if time.monotonic() > end:
            print("time is up; call again to go on")
            break
        journal.append_if_absent(posed.record(entrant, n, repeat, asked.threads))
    show(asked)


def show(asked: argparse.Namespace) -> None:
    found: dict[tuple[str, int], dict[str, dict[int, Record]]] = defaultdict(lambda: defaultdict(dict))
    for record in read_records([asked.runs]):
        found[record.task.name, record.n_train][record.method][record.repeat] = record
    for (task, n), methods in sorted(found.items()):
        print(f"{task}, n = {n}")
        base = {repeat: record.metrics["kendall"] for repeat, record in methods.get("parzc", {}).items()}
        for method in sorted(methods, key=ENTRANTS.index):
            records = methods[method]
            kendall = {repeat: record.metrics["kendall"] for repeat, record in records.items()}
            both = [repeat for repeat in kendall if repeat in base]
            beside = interval([kendall[repeat] - base[repeat] for repeat in both]) if both else "-"
            rho = np.mean([record.metrics["spearman"] for record in records.values()])
            fit, predict = (
                np.mean([record.cost[name] for record in records.values()]) for name in ("fit_cpu_s", "predict_cpu_s")
            )
            print(
                f"  {method:28s} {len(records):3d}  tau {interval(list(kendall.values()))}  rho {rho:.3f}"
                f"  beside parzc {beside}  processor: fit {fit:.1f} s, 15,625 in {15_625 * predict:.1f} s"
            )


def interval(values: list[float]) -> str:
    """Mean and the interval of the mean; no interval of a single value."""
    mean, half = float(np.mean(values)), half_interval(values)
    return f"{mean:+.3f}" if half is None else f"{mean:+.3f} [{mean - half:+.3f}, {mean + half:+.3f}]"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    forms = parser.add_subparsers(required=True)
    spend = forms.add_parser("run")
    spend.set_defaults(form=run)
    spend.add_argument("runs", type=Path)
    spend.add_argument("seconds", type=float)
    spend.add_argument("--task", default="nasbench201-cifar10-predict")
    spend.add_argument("--entrants", nargs="+", choices=ENTRANTS, default=list(ENTRANTS), metavar="NAME")
    spend.add_argument("--sizes", type=int, nargs="+")
    spend.add_argument("--repeats", type=int, default=20)
    spend.add_argument("--first", type=int, default=0)
    spend.add_argument("--threads", type=int, default=1)
    look = forms.add_parser("show")
    look.set_defaults(form=show)
    look.add_argument("runs", type=Path)
    chosen = parser.parse_args()
    chosen.form(chosen)
