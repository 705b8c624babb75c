"""A benchmark: a table with its search space, and unambiguous queries; nothing is random and nothing is imputed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from predictors.arch import ArchBatch, ArchGraph
from proxybench.errors import InvalidArchitecture, NotMeasured
from proxybench.readers.texts import Texts
from proxybench.spaces import SearchSpace, get_space
from proxybench.tables.answers import OpenTable, TableAnswers
from proxybench.tables.catalogue import not_available
from proxybench.tables.computed import ALL, COMPUTED, FULL_SIZE, recipe_with, with_full_size, with_small
from proxybench.tables.editions import Needed, first_edition_with
from proxybench.tables.lookup import Arch, ArchitectureRows
from proxybench.tables.shipped import shipped_table
from proxybench.tables.sources.registry import load_registry
from proxybench.tables.store.cards import with_checks
from proxybench.tables.store.places import open_table, read_info
from proxybench.tables.store.schema import metric_of

if TYPE_CHECKING:
    import pandas as pd


class Benchmark:
    """The results of one table.

    Architectures can be given as ArchGraph, text of the space, digest (32 hexadecimal digits) or index.

    Attributes:
        name: name of the table.
        space: the search space that parses and formats its architectures.
        archs: the architectures as text, in index order.
    """

    def __init__(self, table: OpenTable) -> None:
        self._table = table
        self.name = table.info.name
        self.space: SearchSpace = get_space(table.info.space)
        self._answers = TableAnswers(table)
        self._earlier: dict[str, Benchmark] = {}  # editions, by recipe

    @property
    def archs(self) -> Sequence[str]:
        return self._table.archs

    @property
    def card(self) -> str:
        """Population, split, target, epochs, seeds, provenance, licence, citation, checks and counts. Markdown."""
        from proxybench.scores.network_counts import described_counts

        entry = load_registry().benchmarks.get(self.name)
        card = with_checks(self._table.card, entry) if entry else self._table.card
        counts = described_counts(self.space.name)
        return f"{card}\n{counts}\n" if counts else card

    @property
    def recipe(self) -> str:
        """A digest of the table's sources and importers; equal recipes mean equal data. Each edition has its own."""
        return self._table.info.recipe

    @property
    def datasets(self) -> list[str]:
        """Names of the data sets that the table has results for."""
        return self._answers.datasets

    @property
    def digests(self) -> Sequence[str]:
        """The space's digest of each architecture: equal for isomorphic ones."""
        return self._table.digests

    def metrics(self, dataset: str | None = None) -> list[str]:
        """Names of the columns that have values, for one data set or for any."""
        return self._answers.metrics(dataset)

    def epochs(self, metric: str, dataset: str | None = None) -> list[int]:
        """The epoch budgets for which the table has `metric`; [0] if it needs no training."""
        return self._answers.epochs(metric, dataset)

    def seeds(self, metric: str, dataset: str | None = None, epochs: int | None = None) -> list[str]:
        """The seeds for which the table has `metric`: numbers of single runs, "mean" for a published mean."""
        return self._answers.seeds(metric, dataset, epochs)

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
                for block in self._answers.blocks
                for metric, count in block.measured.items()
            ]
        )

    def edition_with(self, needs: Iterable[Needed]) -> Benchmark:
        """The first edition of this table that has everything needed; itself if no earlier one has.

        Rows keep their index. See `proxybench.tables.editions`.
        """
        table = first_edition_with(self._table, needs)
        if table is self._table:
            return self
        return self._earlier.setdefault(table.info.recipe, Benchmark(table))

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
        return self._rows.index(arch)

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
            metric: a name from `metrics()`; its unit is `proxybench.tables.store.schema.metric_of(metric).unit`.
            dataset: a name from `datasets`; optional if the table has only one.
            epochs: training budget; optional if the metric has only one.
            seed: a run's seed, "mean" for the mean over seeds, None for the mean or, if the table has a single
                seed label, that one.

        Raises:
            UnknownName: if the table does not have a dataset, metric, epochs or seed; lists those it has.
            NotMeasured: if the table has no value for this architecture.
        """
        values, measured = self._answers.answer(dataset, metric, epochs, seed)
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
        return self._answers.answer(dataset, metric, epochs, seed).values

    def measured(
        self, metric: str, *, dataset: str | None = None, epochs: int | None = None, seed: int | str | None = None
    ) -> NDArray[np.bool_]:
        """Mask of the architectures with a value, bool[n]; NaN counts as measured. Arguments as in `query`."""
        return self._answers.answer(dataset, metric, epochs, seed).measured

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
                project for the space, including one value per node, "all" for both, "full-size" for those that it
                computed on networks of the benchmark's own size and the published ones, "none", or names of untrained
                metrics.
            dataset: data set of the published columns; None for those of all data sets.

        Returns:
            An ArchBatch with columns `proxy:NAME`, `cost:NAME` for parameters, FLOPs, latency, energy, and
            `config:FIELD` for fields of configurations, followed by `[DATASET]` if they are from several data sets.
            Proxies computed by this project are `proxy:NAME@proxybench`, with nodes `nodes:NAME`; NaN and no nodes if
            there is no value. With "full-size" they, parameters and FLOPs have the plain names, and published proxies
            are `proxy:NAME@published`.

        Raises:
            DataNotAvailable: for "computed", "all" or "full-size" if no such scores of the space come with the project.
        """
        if columns in (COMPUTED, ALL, FULL_SIZE):
            published = self.batch("none" if columns == COMPUTED else "training-free", dataset)
            add = with_full_size if columns == FULL_SIZE else with_small
            extended = add(published, self._rows.graphs, self.space, self.digests)
            return extended.named_by(lambda: self._arch_index)
        sources = [dataset] if dataset is not None else self.datasets
        chosen = {}
        for source in sources:
            there = self._answers.untrained(source)
            wanted = (
                {"training-free": there, "none": []}.get(columns, [columns]) if isinstance(columns, str) else columns
            )
            for name in wanted if len(sources) == 1 else [name for name in wanted if name in there]:
                label = name if name.startswith(("proxy:", "config:")) else f"cost:{name}"
                label = label if len(sources) == 1 else f"{label}[{source}]"
                chosen[label] = self.values(name, dataset=source)
        return ArchBatch(self._rows.graphs, chosen).named_by(lambda: self._arch_index)

    def recipe_with(self, columns: str) -> str:
        """A digest of the table and the columns added by `batch(columns)`; `recipe` without computed scores.

        Raises:
            DataNotAvailable: like `batch`.
        """
        return recipe_with(self.recipe, columns, self.space.name)

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
        and errors as in `query`.
        """
        values = self.values(metric, dataset=dataset, epochs=epochs, seed=seed)
        ranking = np.argsort(-values if metric_of(metric).larger_is_better else values, kind="stable")
        ranking = ranking[np.isfinite(values[ranking])][:k]
        return self.frame(metrics=[metric], dataset=dataset, epochs=epochs, seed=seed).iloc[ranking]

    @cached_property
    def _rows(self) -> ArchitectureRows:
        return ArchitectureRows(self.name, self.space, self.archs, self.digests)

    @cached_property
    def _arch_index(self) -> pd.Index[str]:
        if isinstance(self.archs, Texts):
            return self.archs.index_called("arch")
        import pandas as pd

        index: pd.Index[str] = pd.Index(np.asarray(self.archs, dtype=object), name="arch")
        return index


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
