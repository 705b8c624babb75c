"""A benchmark: a stored table with its search space, and unambiguous queries.

Nothing here is random and nothing is imputed. The caller specifies `dataset`, `metric`, `epochs` and `seed`; omitted
ones are filled in only if the table has a single possibility, and `seed` defaults to the mean over seeds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from predictors.arch import ArchBatch, ArchGraph
from proxybench.errors import AmbiguousArchitecture, InvalidArchitecture, NotMeasured, UnknownName, unknown_name
from proxybench.spaces import SearchSpace, get_space
from proxybench.tables.catalogue import not_available
from proxybench.tables.merge import BlockKey
from proxybench.tables.schema import MEAN, UNTRAINED, metric_of
from proxybench.tables.shipped import ShippedTable, shipped_table
from proxybench.tables.store import BlockInfo, StoredTable, open_table, read_info

if TYPE_CHECKING:
    import pandas as pd

Arch = ArchGraph | str | int
_DIGEST_LENGTH = 32


class Benchmark:
    """The results of one table.

    Architectures can be given as ArchGraph, text of the space, digest (32 hexadecimal digits) or index.

    Attributes:
        name: name of the table.
        space: the search space that parses and formats its architectures.
        archs: the architectures as text, in index order.
    """

    def __init__(self, table: StoredTable | ShippedTable) -> None:
        self._table = table
        self.name = table.info.name
        self.space: SearchSpace = get_space(table.info.space)
        self._columns: dict[tuple[str, str, int, str], tuple[NDArray[np.float64], NDArray[np.bool_]]] = {}
        self._answers: dict[tuple[str, str, int | None, str | None], tuple[NDArray[np.float64], NDArray[np.bool_]]] = {}

    @property
    def archs(self) -> Sequence[str]:
        return self._table.archs

    @property
    def card(self) -> str:
        """Population, split, target, epochs, seeds, provenance, licence and citation. Markdown."""
        return self._table.card

    @property
    def recipe(self) -> str:
        """A digest of the table's sources and importers; equal recipes mean equal data."""
        return self._table.info.recipe

    @property
    def datasets(self) -> list[str]:
        """Names of the data sets that the table has results for."""
        return sorted({block.dataset for block in self._blocks})

    @property
    def digests(self) -> Sequence[str]:
        """The space's digest of each architecture: equal for isomorphic ones."""
        return self._table.digests

    def metrics(self, dataset: str | None = None) -> list[str]:
        """Names of the columns that have values, for one data set or for any."""
        blocks = self._blocks if dataset is None else self._blocks_of(dataset)
        return sorted({metric for block in blocks for metric in block.measured})

    def epochs(self, metric: str, dataset: str | None = None) -> list[int]:
        """The epoch budgets for which the table has `metric`; [0] if it needs no training."""
        return sorted({block.epochs for block in self._blocks_with(self._dataset(dataset), metric)})

    def seeds(self, metric: str, dataset: str | None = None, epochs: int | None = None) -> list[str]:
        """The seeds for which the table has `metric`: numbers of single runs, "mean" for a published mean."""
        dataset = self._dataset(dataset)
        blocks = self._blocks_with(dataset, metric)
        epochs = self._epochs(blocks, dataset, metric, epochs)
        return sorted(block.seed for block in blocks if block.epochs == epochs)

    def coverage(self) -> pd.DataFrame:
        """One row per (dataset, epochs, seed, metric): numbers of architectures with a value, and with NaN."""
        import pandas as pd

        return pd.DataFrame(
            [
                {
                    "dataset": block.dataset,
                    "epochs": block.epochs,
                    "seed": block.seed,
                    "metric": metric,
                    "measured": count,
                    "not_finite": block.not_finite.get(metric, 0),
                }
                for block in self._blocks
                for metric, count in block.measured.items()
            ]
        )

    def __len__(self) -> int:
        return self._table.info.architectures

    def __iter__(self) -> Iterator[ArchGraph]:
        return (self.arch(index) for index in range(len(self)))

    def __contains__(self, arch: object) -> bool:
        try:
            return isinstance(arch, (ArchGraph, str, int)) and self.index(arch) >= 0
        except (InvalidArchitecture, LookupError):
            return False

    def __repr__(self) -> str:
        return f"<Benchmark {self.name}: {len(self)} architectures of {self.space.name}>"

    def arch(self, index: int) -> ArchGraph:
        """The architecture at `index`. Raises IndexError outside the table."""
        return self.space.parse(self.archs[range(len(self))[index]])

    def index(self, arch: Arch) -> int:
        """The row of an architecture.

        Raises:
            InvalidArchitecture: if the space cannot parse the text.
            NotMeasured: if the architecture is in the space but not in the table.
            AmbiguousArchitecture: if several rows share the digest.
            IndexError: if the index is outside the table.
        """
        if isinstance(arch, str):
            return self._index_of_text(arch)
        if isinstance(arch, ArchGraph):
            return self._index_of_graph(arch)
        if isinstance(arch, bool) or not isinstance(arch, (int, np.integer)):
            raise TypeError(f"an architecture is an ArchGraph, text, digest or index, not {arch!r}")
        if not 0 <= arch < len(self):
            raise IndexError(f"{self.name} has no index {arch}; indices run from 0 to {len(self) - 1}")
        return int(arch)

    def query(
        self,
        arch: Arch,
        *,
        metric: str,
        dataset: str | None = None,
        epochs: int | None = None,
        seed: int | str | None = None,
    ) -> float:
        """One value.

        Args:
            arch: ArchGraph, text, digest or index.
            metric: a name from `metrics()`; its unit is `proxybench.tables.schema.metric_of(metric).unit`.
            dataset: a name from `datasets`; optional if the table has only one.
            epochs: training budget; optional if the metric has only one.
            seed: a run's seed, "mean" for the mean over seeds, None for the mean or, if the table has a single
                seed label, that one.

        Raises:
            UnknownName: if the table does not have a dataset, metric, epochs or seed; lists those it has.
            NotMeasured: if the table has no value for this architecture.
        """
        answer = self._answers.get((dataset or "", metric, epochs, seed if seed is None else str(seed)))
        values, measured = answer if answer is not None else self._answer(dataset, metric, epochs, seed)
        row = self.index(arch)
        if not measured[row]:
            raise NotMeasured(
                f"{self.name} has no {metric} of {self.archs[row]} on {dataset or self.datasets[0]} "
                f"(epochs={epochs}, seed={seed}); coverage() shows what is measured"
            )
        return float(values[row])

    def values(
        self, metric: str, *, dataset: str | None = None, epochs: int | None = None, seed: int | str | None = None
    ) -> NDArray[np.float64]:
        """A metric of all architectures, float64[n] in index order; NaN if not measured or not finite.

        Arguments and errors as in `query`. The array is read-only.
        """
        return self._answer(dataset, metric, epochs, seed)[0]

    def measured(
        self, metric: str, *, dataset: str | None = None, epochs: int | None = None, seed: int | str | None = None
    ) -> NDArray[np.bool_]:
        """Mask of the architectures with a value, bool[n]; NaN counts as measured. Arguments as in `query`."""
        return self._answer(dataset, metric, epochs, seed)[1]

    def frame(
        self,
        *,
        metrics: Iterable[str],
        dataset: str | None = None,
        epochs: int | None = None,
        seed: int | str | None = None,
    ) -> pd.DataFrame:
        """One row per architecture, in index order: its text as index and one float64 column per metric.

        `epochs` and `seed` apply to metrics that need training. Arguments and errors as in `query`.
        """
        import pandas as pd

        names = [metrics] if isinstance(metrics, str) else list(metrics)
        columns = {metric: self.values(metric, dataset=dataset, epochs=epochs, seed=seed) for metric in names}
        return pd.DataFrame(columns, index=self._arch_index)

    def batch(self, columns: str | Sequence[str] = "training-free", dataset: str | None = None) -> ArchBatch:
        """The whole population as an ArchBatch, rows as in `frame`.

        Args:
            columns: "training-free" for all published proxies and costs, "computed" for the proxies computed by this
                project for the space, including one value per node, "all" for both, "none", or names of
                untrained metrics.
            dataset: data set of the published columns; None for those of all data sets.

        Returns:
            An ArchBatch with columns `proxy:NAME`, and `cost:NAME` for parameters, FLOPs, latency, energy, followed by
            `[DATASET]` if they are from several data sets. Proxies computed by this project are
            `proxy:NAME@proxybench`, with nodes `nodes:NAME`; NaN and no nodes if there is no value.

        Raises:
            DataNotAvailable: for "computed" or "all" if no scores of the space come with the project.
        """
        if columns in ("computed", "all"):
            published = self.batch("training-free" if columns == "all" else "none", dataset)
            return self._with_computed(published)
        sources = [dataset] if dataset is not None else self.datasets
        chosen = {}
        for source in sources:
            there = self._untrained_metrics(source)
            wanted = (
                {"training-free": there, "none": []}.get(columns, [columns]) if isinstance(columns, str) else columns
            )
            for name in wanted if len(sources) == 1 else [name for name in wanted if name in there]:
                label = name if name.startswith("proxy:") else f"cost:{name}"
                label = label if len(sources) == 1 else f"{label}[{source}]"
                chosen[label] = self.values(name, dataset=source)
        return ArchBatch(self._graphs, chosen).named_by(lambda: self._arch_index)

    def recipe_with(self, columns: str) -> str:
        """A digest of the table and the columns added by `batch(columns)`; `recipe` except for "computed" and "all".

        Raises:
            DataNotAvailable: like `batch`.
        """
        if columns not in ("computed", "all"):
            return self.recipe
        from proxybench.scores.shipped import shipped_digest

        both = f"{self.recipe} {shipped_digest(self.space.name)}"
        return hashlib.blake2b(both.encode(), digest_size=16).hexdigest()

    def _with_computed(self, batch: ArchBatch) -> ArchBatch:
        from proxybench.scores.shipped import shipped_sweeps

        computed = ArchBatch(self._graphs)
        for scores in shipped_sweeps(self.space.name):
            computed = scores.join(computed, self.space, self.digests)
        own = {f"{name}@proxybench": values for name, values in computed.columns.items()}
        return batch.extended(own, computed.nodes)

    def neighbours(self, arch: Arch) -> list[ArchGraph]:
        """The neighbours of `arch` in the space that are in the table, in the space's order."""
        graph = arch if isinstance(arch, ArchGraph) else self.arch(self.index(arch))
        return [other for other in self.space.neighbours(graph) if other in self]

    def best(
        self,
        *,
        metric: str,
        dataset: str | None = None,
        epochs: int | None = None,
        seed: int | str | None = None,
        k: int = 1,
    ) -> pd.DataFrame:
        """The `k` best architectures: a frame of `metric`, best first; equal values in index order.

        The best is the largest for accuracies and scores, the smallest for losses, times, latency and energy. Arguments
        errors as in `query`.
        """
        values = self.values(metric, dataset=dataset, epochs=epochs, seed=seed)
        ranking = np.argsort(-values if metric_of(metric).larger_is_better else values, kind="stable")
        ranking = ranking[np.isfinite(values[ranking])][:k]
        return self.frame(metrics=[metric], dataset=dataset, epochs=epochs, seed=seed).iloc[ranking]

    # The content of the table, and completing partial queries.

    @property
    def _blocks(self) -> Sequence[BlockInfo]:
        return self._table.info.blocks

    def _blocks_of(self, dataset: str) -> list[BlockInfo]:
        blocks = [block for block in self._blocks if block.dataset == dataset]
        if not blocks:
            raise unknown_name("dataset", dataset, self.datasets)
        return blocks

    def _blocks_with(self, dataset: str, metric: str) -> list[BlockInfo]:
        blocks = [block for block in self._blocks_of(dataset) if metric in block.measured]
        if not blocks:
            raise unknown_name("metric", metric, self.metrics(dataset), f"of {self.name} on {dataset}")
        return blocks

    def _untrained_metrics(self, dataset: str) -> list[str]:
        names = {
            metric
            for block in self._blocks_of(dataset)
            if block.epochs == UNTRAINED["epochs"]
            for metric in block.measured
        }
        return sorted(name for name in names if not name.startswith("proxy_s:"))

    def _dataset(self, dataset: str | None) -> str:
        if dataset is not None:
            return dataset
        if len(self.datasets) > 1:
            raise UnknownName(f"{self.name} has several data sets; choose one of: {', '.join(self.datasets)}.")
        return self.datasets[0]

    def _epochs(self, blocks: Sequence[BlockInfo], dataset: str, metric: str, epochs: int | None) -> int:
        budgets = sorted({block.epochs for block in blocks})
        if budgets == [UNTRAINED["epochs"]]:
            return budgets[0]
        if epochs is None and len(budgets) == 1:
            return budgets[0]
        known = ", ".join(map(str, budgets))
        if epochs is None:
            raise UnknownName(f"{metric} on {dataset} has several epochs; choose one of: {known}.")
        if epochs not in budgets:
            raise UnknownName(f"{epochs} is not among the epochs of {metric} on {dataset}. Valid: {known}.")
        return epochs

    def _answer(
        self, dataset: str | None, metric: str, epochs: int | None, seed: int | str | None
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Values and the mask of measured ones for a query, cached."""
        question = (dataset or "", metric, epochs, seed if seed is None else str(seed))
        if question not in self._answers:
            self._answers[question] = self._resolve(self._dataset(dataset), metric, epochs, seed)
        return self._answers[question]

    def _resolve(
        self, dataset: str, metric: str, epochs: int | None, seed: int | str | None
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        blocks = self._blocks_with(dataset, metric)
        budget = self._epochs(blocks, dataset, metric, epochs)
        labels = [block.seed for block in blocks if block.epochs == budget]
        if budget == UNTRAINED["epochs"] or (seed is None and len(labels) == 1):
            return self._column(dataset, metric, budget, labels[0])
        if str(seed) in labels and str(seed) != MEAN:
            return self._column(dataset, metric, budget, str(seed))
        runs = [label for label in labels if label.isdecimal()]
        if seed not in (None, MEAN) or not (runs or MEAN in labels):
            raise unknown_name(
                f"seed of {metric} on {dataset} at {budget} epochs",
                seed,
                dict.fromkeys([*labels, MEAN] if runs else labels),
            )
        return self._mean(dataset, metric, budget, runs, published=MEAN in labels)

    def _mean(
        self, dataset: str, metric: str, epochs: int, runs: Sequence[str], published: bool
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """The mean published by the source if there is one, otherwise the mean over the measured runs."""
        values = np.full(len(self), np.nan)
        measured = np.zeros(len(self), dtype=bool)
        if runs:
            columns = [self._column(dataset, metric, epochs, run) for run in runs]
            count = np.sum([there for _, there in columns], axis=0)
            total = np.sum([np.where(there, one, 0.0) for one, there in columns], axis=0)
            measured = count > 0
            values[measured] = total[measured] / count[measured]
        if published:
            mean, there = self._column(dataset, metric, epochs, MEAN)
            values, measured = np.where(there, mean, values), measured | there
        values.flags.writeable = False
        return values, measured

    def _column(
        self, dataset: str, metric: str, epochs: int, seed: str
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        key = (dataset, metric, epochs, seed)
        if key not in self._columns:
            values, measured = self._table.column(BlockKey(dataset, epochs, seed), metric)
            values.flags.writeable = False
            self._columns[key] = (values, measured)
        return self._columns[key]

    # Looking up architectures.

    def _index_of_text(self, text: str) -> int:
        row = self._rows.get(text)
        if row is not None:
            return row
        if len(text) == _DIGEST_LENGTH and text.isalnum() and text.islower():
            return self._index_of_digest(text)
        return self._index_of_graph(self.space.parse(text))

    def _index_of_graph(self, arch: ArchGraph) -> int:
        row = self._graph_rows.get(arch)
        if row is None:
            row = self._rows.get(self.space.format(arch))
            if row is None:
                row = self._index_of_twin(arch)
            self._graph_rows[arch] = row
        return row

    def _index_of_twin(self, arch: ArchGraph) -> int:
        """The row of the same architecture in another node order; isomorphic ones with different text do not count."""
        for row in self._rows_by_digest.get(self.space.digest(arch), []):
            if self.arch(row).digest == arch.digest:
                return row
        raise NotMeasured(f"{self.name} does not hold {self.space.format(arch)}; it has {len(self)} architectures")

    def _index_of_digest(self, digest: str) -> int:
        rows = self._rows_by_digest.get(digest) or self._rows_by_graph_digest.get(digest, [])
        if not rows:
            raise NotMeasured(f"{self.name} holds no architecture with digest {digest}")
        if len(rows) > 1:
            shown = ", ".join(str(row) for row in rows[:8])
            raise AmbiguousArchitecture(
                f"{len(rows)} architectures of {self.name} share the digest {digest}: indices {shown}; "
                "query one of them by index or text"
            )
        return rows[0]

    @cached_property
    def _rows(self) -> dict[str, int]:
        return {arch: row for row, arch in enumerate(self.archs)}

    @cached_property
    def _graph_rows(self) -> dict[ArchGraph, int]:
        return {}

    @cached_property
    def _rows_by_digest(self) -> dict[str, list[int]]:
        return _group(self.digests)

    @cached_property
    def _rows_by_graph_digest(self) -> dict[str, list[int]]:
        return _group(arch.digest for arch in self._graphs)

    @cached_property
    def _graphs(self) -> list[ArchGraph]:
        return [self.space.parse(text) for text in self.archs]

    @cached_property
    def _arch_index(self) -> pd.Index[str]:
        import pandas as pd

        index: pd.Index[str] = pd.Index(np.asarray(self.archs, dtype=object), name="arch")
        return index


def _group(digests: Iterable[str]) -> dict[str, list[int]]:
    rows: dict[str, list[int]] = {}
    for row, digest in enumerate(digests):
        rows.setdefault(digest, []).append(row)
    return rows


def load(name: str) -> Benchmark:
    """Load the benchmark `name` from the tables on this machine, including those that come with the project.

    Raises:
        UnknownName: if the benchmark is neither registered nor stored; suggests the nearest.
        DataNotAvailable: if it is registered but not on this machine; names the command to get it.
        CorruptData: if its files are damaged.
    """
    if shipped := shipped_table(name):
        return Benchmark(shipped)
    if read_info(name) is None:
        raise not_available(name)
    return Benchmark(open_table(name))
