"""The values that NAS-Bench-Suite-Zero stores for an architecture and a task, in any kind of file.

Krishnakumar et al., "NAS-Bench-Suite-Zero: Accelerating Research on Zero Cost Proxies", NeurIPS 2022 datasets track.
An entry has proxies (a number, or a score and the seconds it took; -1e8 marks a failure), `params` and `flops` in
millions, and `val_accuracy`, which is another quantity for each kind of task (`Validation`). The accuracies of
NAS-Bench-301 are predictions of its surrogate model, so they belong to no training.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from predictors.errors import unknown_name
from proxybench.errors import CorruptData
from proxybench.spaces.base import SearchSpace
from proxybench.spaces.nasbench101 import NASBench101
from proxybench.tables.importers import naslib_codes
from proxybench.tables.importers.naslib_codes import parse_tuple
from proxybench.tables.store.schema import UNTRAINED, Fragment, fragment_from_rows, score_or_nan

MILLION = 1_000_000
_LABELS = frozenset({"idx", "id", "arch"})
_PROXY_NAME = re.compile(r"[A-Za-z0-9_-]{1,40}", re.ASCII)

Repeats = Literal["refuse", "first"]


@dataclass(frozen=True)
class Validation:
    """The meaning of `val_accuracy` for a task: its column, its range of values, and the epochs of training."""

    column: str
    low: float
    high: float
    epochs: int


@dataclass(frozen=True)
class ScoredBenchmark:
    """The suite's notation for architectures of a benchmark, and its meaning of `val_accuracy`, by task."""

    space: str
    text: Callable[[Sequence[Any]], str]
    tasks: Mapping[str, Validation]


def _accuracy(epochs: int) -> Validation:
    return Validation("val_acc", 0, 100, epochs)


# The budgets are num_epochs of the configurations that TransNAS-Bench-101 published. segmentsemantic is the accuracy
# per pixel: all values lie between 91.6 and 94.9, above any mean intersection over union of the task.
_TRANSNAS = {
    "class_scene": _accuracy(25),
    "class_object": _accuracy(25),
    "jigsaw": _accuracy(10),
    "segmentsemantic": _accuracy(30),
    "room_layout": Validation("val_neg_loss", -math.inf, 0, 25),
    "autoencoder": Validation("val_ssim", -1, 1, 30),
    "normal": Validation("val_ssim", -1, 1, 30),
}
_IMAGE_DATASETS = ("cifar10", "cifar100", "ImageNet16-120")
BENCHMARKS = {
    "nasbench101": ScoredBenchmark("nasbench101", naslib_codes.nasbench101_text, {"cifar10": _accuracy(108)}),
    "nasbench201": ScoredBenchmark(
        "nasbench201", naslib_codes.nasbench201_text, {name: _accuracy(200) for name in _IMAGE_DATASETS}
    ),
    "nasbench301": ScoredBenchmark(
        "darts", naslib_codes.darts_text, {"cifar10": Validation("surrogate_acc", 0, 100, 0)}
    ),
    "transbench101_micro": ScoredBenchmark("transnas101-micro", naslib_codes.transnas_micro_text, _TRANSNAS),
    "transbench101_macro": ScoredBenchmark("transnas101-macro", naslib_codes.transnas_macro_text, _TRANSNAS),
}


def find_benchmark(name: str, space: SearchSpace) -> ScoredBenchmark:
    """The benchmark called `name`. Raises UnknownName, or ValueError if `space` is not its space."""
    if name not in BENCHMARKS:
        raise unknown_name("NAS-Bench-Suite-Zero benchmark", name, BENCHMARKS)
    if BENCHMARKS[name].space != space.name:
        raise ValueError(f"the architectures of {name} belong to the space {BENCHMARKS[name].space}, not {space.name}")
    return BENCHMARKS[name]


@dataclass
class Collector:
    """The table rows of all entries read so far, one untrained and one trained row per architecture and task.

    Attributes:
        seed: label of the training that `val_accuracy` is from: "0" for the only or some one training.
        repeats: what to do with a second, different value for an architecture: "refuse" it, or keep the "first" entry
            of a file and the value of the first file, and count the others.
    """

    space: SearchSpace
    benchmark: ScoredBenchmark
    seed: str = "0"
    repeats: Repeats = "refuse"
    rows: dict[tuple[str, str, int], dict[str, Any]] = field(default_factory=dict)
    failed: Counter[str] = field(default_factory=Counter)
    scored: Counter[str] = field(default_factory=Counter)
    dropped_entries: int = 0
    dropped_values: int = 0
    unsized: int = 0

    def add(self, path: Path, entries: Iterable[tuple[str, str, Mapping[str, Any]]]) -> None:
        """Add the (task, printed tuple, values by name) of one file. Raises CorruptData for contradictions."""
        kept = list(entries)
        named = self._named({code for _, code, _ in kept})
        seen: set[tuple[str, str]] = set()
        for task, code, values in kept:
            if task not in self.benchmark.tasks:
                raise CorruptData(f"{path}: {unknown_name('task', task, self.benchmark.tasks)}")
            text, renumbered = named[code]
            if self.repeats == "first" and (task, text) in seen:
                self.dropped_entries += 1
                continue
            seen.add((task, text))
            for epochs, row in self._table_rows(task, values, sized=not renumbered):
                self._merge(path, (text, task, epochs), row)

    def _named(self, codes: Iterable[str]) -> dict[str, tuple[str, bool]]:
        """For each printed tuple the text, and whether it numbers the vertices in another way than the tuple.

        Isomorphic cells of NAS-Bench-101 get one text, that of the cell which was trained.
        """
        codes, text = sorted(codes), self.benchmark.text
        if not isinstance(self.space, NASBench101):
            return {code: (_text(self.space, text, code), False) for code in codes}
        archs = [self.space.parse(text(parse_tuple(code))) for code in codes]
        named = self.space.canonical(archs)
        return {
            code: (self.space.format(name), name != arch) for code, arch, name in zip(codes, archs, named, strict=True)
        }

    def _table_rows(self, task: str, values: Mapping[str, Any], sized: bool) -> list[tuple[int, dict[str, Any]]]:
        """(epochs, row) of what needs no training and, where it is stored, of the training.

        Parameters and FLOPs are left out where not `sized`: how the channels of a NAS-Bench-101 cell are split depends
        on the numbering of its vertices.
        """
        validation = self.benchmark.tasks[task]
        untrained: dict[str, Any] = dict(UNTRAINED)
        found = [(0, untrained)]
        for name, value in values.items():
            if name in _LABELS:
                continue
            score, seconds = _score(name, value)
            if name == "val_accuracy":
                if not validation.low <= score <= validation.high:
                    raise ValueError(f"{score} is no {validation.column} of {task}")
                if validation.epochs:
                    found.append((validation.epochs, {"seed": self.seed, validation.column: score}))
                else:
                    untrained[validation.column] = score
            elif name in ("params", "flops"):
                self.unsized += not sized
                if sized:
                    untrained[name] = float(round(score * MILLION)) if math.isfinite(score) and score >= 0 else math.nan
            else:
                untrained[f"proxy:{name}"] = self._proxy(name, score)
                if seconds is not None:
                    untrained[f"proxy_s:{name}"] = seconds
        return found

    def _proxy(self, name: str, score: float) -> float:
        score = score_or_nan(score)
        self.scored[name] += 1
        self.failed[name] += math.isnan(score)
        return score

    def _merge(self, path: Path, key: tuple[str, str, int], row: dict[str, Any]) -> None:
        known = self.rows.setdefault(key, {})
        for name, value in row.items():
            old = known.setdefault(name, value)
            if old == value or (isinstance(value, float) and math.isnan(value) and math.isnan(old)):
                continue
            if self.repeats == "refuse":
                raise CorruptData(f"{path}: {key[0]} on {key[1]} has {name} {value}, elsewhere {old}")
            self.dropped_values += 1

    def fragment(self) -> Fragment:
        """The table, and notes on failures and repeats."""
        rows = [
            {"arch": text, "dataset": task, "epochs": epochs, **row} for (text, task, epochs), row in self.rows.items()
        ]
        notes = [
            f"{failed} of {self.scored[name]} scores of {name} failed at the source and are NaN."
            for name, failed in sorted(self.failed.items())
            if failed
        ]
        if self.unsized:
            notes.append(
                f"{self.unsized} values of params and flops are left out: they were counted for a cell that numbers "
                "its vertices in another way than the one trained, which can change them."
            )
        if self.dropped_values:
            notes.append(f"{self.dropped_values} values differ from those of an earlier file, which stand.")
        if self.dropped_entries:
            notes.append(
                f"{self.dropped_entries} entries of the source name an architecture that an earlier entry names; "
                "their proxies and accuracies are other draws, and the first entry stands."
            )
        return fragment_from_rows(rows, notes)


@lru_cache(maxsize=2**15)
def _text(space: SearchSpace, text: Callable[[Sequence[Any]], str], code: str) -> str:
    """The text of a printed tuple; kept, since a benchmark's archives have the same architectures."""
    return space.format(space.parse(text(parse_tuple(code))))


def _score(name: str, value: Any) -> tuple[float, float | None]:
    """The number, and the seconds it took where the source says."""
    if _PROXY_NAME.fullmatch(name) is None:
        raise ValueError(f"{name[:60]!r} is not the name of a proxy")
    if isinstance(value, Mapping):
        return _number(value["score"]), _number(value["time"]) if "time" in value else None
    return _number(value), None


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{str(value)[:60]!r} is not a number")
    return float(value)
