"""Tasks: a population of a benchmark, ranked against a target. Read from `data/tasks.toml`."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from predictors.arch import ArchBatch
from proxybench.errors import CorruptData, DataNotAvailable
from proxybench.readers.untrusted import read_bytes
from proxybench.records import TaskIdentity
from proxybench.resources import data_path
from proxybench.scores.shipped import required_full_size
from proxybench.tables.benchmark import Benchmark
from proxybench.tables.computed import FULL_SIZE
from proxybench.tables.editions import Needed
from proxybench.tables.store.schema import MEAN, is_untrained

OWN = "own-"  # before the names of record files of tasks that are not this project's
_MAX_BYTES = 2**20  # of a tasks file


class Target(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The measured quantity that scores are compared with.

    Attributes:
        dataset: data set on which it is measured; empty for that of the task.
    """

    metric: str
    epochs: int
    seed: str = "mean"
    dataset: str = ""

    def __str__(self) -> str:
        where = f" on {self.dataset}" if self.dataset else ""
        if is_untrained(self.metric):
            return f"{self.metric}{where}"
        return f"{self.metric}{where}, {self.epochs} epochs, seed {self.seed}"

    def values(self, bench: Benchmark, dataset: str) -> NDArray[np.float64]:
        """The quantity of every architecture, float64[n]; on `dataset` if it names none. Raises like `bench.values`."""
        return bench.values(self.metric, dataset=self.dataset or dataset, epochs=self.epochs, seed=self.seed)


class Task(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One entry of the task list.

    Attributes:
        suites: names for `proxybench run --suite`; its records always go to the file named after the first,
            so that none of its jobs is recorded twice.
        population: description in words, for every reported figure.
        where: metrics that must be measured; they select the population from the table.
        sample: use only this many distinct digests, the first in digest order, one architecture each; None
            for all.
        size: the required number of architectures; None if it depends on a file of the user, or grows.
        train_target: target that methods that learn are trained on; None if they may not take part.
        sizes: numbers of training architectures; see `proxybench.evaluation.splits` for the rule.
        train_where: metrics that must be measured for an architecture to be trained on, apart from a finite training
            target.
        test_where: metrics that must be measured for an architecture to be scored, if there is a training part.
        n_test: how many digests are scored, the same for all sizes; None for all not trained on.
        columns: columns that methods see for every architecture: those of the table that need no training; "all",
            which adds the proxies computed by this project for the space; "full-size", where plain names are the
            proxies computed by this project on networks of the benchmark's own size; or "none", if they have the
            target. With "full-size" the population is every digest whose network has been scored, one architecture
            each, and grows with the file of scores.
        curves: epochs after which `val_acc` of every architecture is also a column `curve:val_acc@EPOCHS`; only if
            there is a training part, since it is not training-free.
        version: incremented with every change that affects a figure.
    """

    name: str
    suites: tuple[str, ...]
    benchmark: str
    dataset: str
    population: str
    target: Target
    version: int
    size: int | None = None
    sample: int | None = None
    where: tuple[str, ...] = ()
    train_target: Target | None = None
    sizes: tuple[int, ...] = ()
    train_where: tuple[str, ...] = ()
    test_where: tuple[str, ...] = ()
    n_test: int | None = None
    columns: Literal["training-free", "all", "full-size", "none"] = "training-free"
    curves: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if not self.suites:
            raise ValueError(f"task {self.name}: belongs to no suite")
        if self.curves and (self.train_target is None or max(self.curves) >= self.target.epochs):
            raise ValueError(f"task {self.name}: curves need a training part, and must end before the target's epochs")
        if self.grows and (self.size, self.sample) != (None, None):
            raise ValueError(f"task {self.name}: its population grows with the full-size scores, so it has no size")

    @property
    def grows(self) -> bool:
        """Whether the population grows with a file of scores, so that earlier records become stale."""
        return self.columns == FULL_SIZE

    @property
    def home(self) -> str:
        """Name of the file of its records: its first suite, after `OWN` if it is not a task of this project."""
        return self.suites[0] if load_tasks().get(self.name) == self else f"{OWN}{self.suites[0]}"

    @property
    def split(self) -> str:
        """The split rule in words."""
        if self.train_target is None:
            return "whole population"
        scored = "all digests not trained on" if self.n_test is None else f"{self.n_test} digests"
        scored += f" with {', '.join(self.test_where)}" if self.test_where else ""
        learnt = f" with {', '.join(self.train_where)}" if self.train_where else ""
        curves = f"; told val_acc of all after {', '.join(map(str, self.curves))} epochs" if self.curves else ""
        return f"hash order; trained on {self.train_target}{learnt}{curves}; scored on {scored}"

    def edition(self, bench: Benchmark) -> Benchmark:
        """The first edition of the table that has everything the task names; `bench` may be a later one."""
        targets = [target for target in (self.target, self.train_target) if target is not None]
        needs = [Needed(target.dataset or self.dataset, target.metric, target.epochs) for target in targets]
        needs += [Needed(self.dataset, metric) for metric in (*self.where, *self.train_where, *self.test_where)]
        needs += [Needed(self.dataset, "val_acc", epochs) for epochs in self.curves]
        return bench.edition_with(needs)

    def rows(self, bench: Benchmark) -> NDArray[np.int64]:
        """Indices of the population.

        Raises:
            CorruptData: if the number of architectures in the table differs from the one the task states.
            DataNotAvailable: if the task needs full-size scores that do not come with the project.
        """
        bench = self.edition(bench)
        chosen = np.isfinite(self.target.values(bench, self.dataset))
        rows = np.flatnonzero(chosen & self._measured(bench, self.where))
        if self.grows:
            rows = _scored_digests(rows, bench)
        if self.sample is not None:
            rows = _first_digests(rows, bench.digests, self.sample)
        if self.size is not None and len(rows) != self.size:
            raise CorruptData(f"task {self.name}: the population has {len(rows)} architectures, not {self.size}")
        return rows

    def parts(self, bench: Benchmark) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Masks of the population, bool[len(rows)]: the architectures that may be trained on, and be scored."""
        bench, rows = self.edition(bench), self.rows(bench)
        trainable = self._measured(bench, self.train_where)[rows]
        if self.train_target is not None:
            trainable &= np.isfinite(self.train_target.values(bench, self.dataset)[rows])
        return trainable, self._measured(bench, self.test_where)[rows]

    def _measured(self, bench: Benchmark, metrics: Sequence[str]) -> NDArray[np.bool_]:
        """Mask of the table's architectures for which all these are measured."""
        measured = np.ones(len(bench), dtype=bool)
        for metric in metrics:
            measured &= bench.measured(metric, dataset=self.dataset)
        return measured

    def batch(self, bench: Benchmark) -> ArchBatch:
        """The population, in index order, with the columns that methods see.

        Raises:
            DataNotAvailable: if the task's columns need scores that do not come with the project.
        """
        bench = self.edition(bench)
        early = {
            f"curve:val_acc@{epochs}": bench.values("val_acc", dataset=self.dataset, epochs=epochs, seed=MEAN)
            for epochs in self.curves
        }
        return bench.batch(self.columns, dataset=self.dataset).with_columns(**early)[self.rows(bench)]

    def identity(self, bench: Benchmark) -> TaskIdentity:
        """The identity of the task in records; `table` is a digest of everything that methods see.

        Raises:
            CorruptData: like `rows`.
            DataNotAvailable: if the task's columns need scores that do not come with the project.
        """
        bench = self.edition(bench)
        rows = self.rows(bench)
        return TaskIdentity(
            name=self.name,
            version=self.version,
            benchmark=self.benchmark,
            dataset=self.dataset,
            population=self.population + (_named(rows, bench) if self.grows else ""),
            size=len(rows),
            split=self.split,
            target=str(self.target),
            table=bench.recipe_with(self.columns),
        )


def _first_digests(rows: NDArray[np.int64], digests: Sequence[str], count: int) -> NDArray[np.int64]:
    """The first row of each of the first `count` digests, in index order. Digests are hashes: the sample is random."""
    first: dict[str, int] = {}
    for row in rows.tolist():
        first.setdefault(digests[row], row)
    return np.array(sorted(first[digest] for digest in sorted(first)[:count]), dtype=np.int64)


def _scored_digests(rows: NDArray[np.int64], bench: Benchmark) -> NDArray[np.int64]:
    """The first row of each digest whose network has full-size scores, in index order."""
    scores = required_full_size(bench.space.name)
    scored = {digest for digest, error in zip(scores.digests, scores.errors, strict=True) if not error}
    chosen = np.zeros(len(bench), dtype=bool)
    chosen[rows] = True
    first: dict[str, int] = {}
    for row, digest in enumerate(bench.digests):  # in order: tables are slow to index one by one
        if digest in scored and chosen[row]:
            first.setdefault(digest, row)
    if not first:
        raise DataNotAvailable(f"the full-size scores of {bench.space.name} cover no architecture of {bench.name}")
    return np.array(sorted(first.values()), dtype=np.int64)


def _named(rows: NDArray[np.int64], bench: Benchmark) -> str:
    """The number and the digest of a population that grows, so that records name the one they were made on."""
    digests = sorted(bench.digests[row] for row in rows.tolist())
    digest = hashlib.blake2b(" ".join(digests).encode(), digest_size=8).hexdigest()
    return f": {len(digests):,}, digest {digest}"


class _TaskFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    tasks: tuple[Task, ...]


@cache
def load_tasks() -> dict[str, Task]:
    """The tasks of this project by name. Raises CorruptData like `read_tasks`."""
    return _tasks_of(Path(data_path("tasks.toml")))


def read_tasks(path: Path) -> dict[str, Task]:
    """The tasks of a user's file by name, in the format of `data/tasks.toml`.

    Raises:
        DataNotAvailable: if the file does not exist.
        CorruptData: if it does not follow the format, or names a task twice or like a task of this project.
    """
    if not path.is_file():
        raise DataNotAvailable(f"{path} does not exist; name a tasks file, in the format of data/tasks.toml")
    tasks = _tasks_of(path)
    for name, task in tasks.items():
        if name in load_tasks() and load_tasks()[name] != task:
            raise CorruptData(f"{path}: {name!r} is the name of a task of this project; rename yours")
    return tasks


def _tasks_of(path: Path) -> dict[str, Task]:
    try:
        tasks = msgspec.convert(tomllib.loads(read_bytes(path, _MAX_BYTES).decode()), _TaskFile).tasks
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, UnicodeDecodeError, RecursionError) as error:
        raise CorruptData(f"{path}: {error}") from error
    by_name = {task.name: task for task in tasks}
    if len(by_name) != len(tasks):
        raise CorruptData(f"{path}: duplicate task name")
    return by_name
