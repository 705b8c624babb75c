"""A guide from a benchmark's table: some accuracies are bought, all others are predicted; costs are looked up.

A predictor from `predictors` is trained on the objective of some architectures, then labels every architecture of the
table, and the noise-aware guide learns from these labels: fifty architectures are enough to train a strong noise-free
predictor but teach little about noisy architectures. If the table covers a whole enumerable space, the guide requests
labels for the architectures that it generates, see `rounds`; otherwise it learns from all labels at once. Costs, such
as the latencies of HW-NAS-Bench, need no training and are learned from the table itself.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from predictors import make
from predictors.arch import ArchBatch, ArchGraph
from predictors.targets import normal_scores
from proxybench.errors import DataNotAvailable, InvalidArchitecture, ProxybenchError
from proxybench.generation.guidance import Aim, Guide, NormalScale, fit_guide, guided
from proxybench.generation.model import DiffusionModel
from proxybench.generation.rounds import Plan, refine_guide
from proxybench.generation.sampling import Gradient
from proxybench.grammar import Quantity
from proxybench.spaces import EnumerableSpace
from proxybench.tables.benchmark import Benchmark
from proxybench.tables.quantities import edition_with, quantities, sign_of, signed_values

Floats = NDArray[np.float64]
_SHARE_OF_A_ROUND = 0.15
_BOUND = re.compile(r"(?P<quantity>[^<>=]+?)\s*(?P<side>[<>])=?\s*(?P<level>[-+.\deE]+)")


@dataclass(frozen=True)
class Constraint:
    """A bound on a quantity of the table in its unit, such as `latency_ms@edgegpu<5`."""

    quantity: Quantity
    side: Literal["<", ">"]
    level: float

    @classmethod
    def parse(cls, text: str) -> Constraint:
        """Parse a constraint. Raises ProxybenchError for any other form."""
        found = _BOUND.fullmatch(text.strip())
        try:
            if found is None:
                raise ValueError
            side: Literal["<", ">"] = "<" if found["side"] == "<" else ">"
            return cls(Quantity.parse(found["quantity"]), side, float(found["level"]))
        except ValueError:
            form = "write QUANTITY<NUMBER or QUANTITY>NUMBER, such as latency_ms@edgegpu<5"
            raise ProxybenchError(f"{text!r} is not a constraint; {form}") from None

    def holds(self, values: Floats) -> NDArray[np.bool_]:
        """Whether each value satisfies the bound; False for NaN."""
        return values < self.level if self.side == "<" else values > self.level

    @property
    def aim(self) -> Aim:
        """The bound as an aim of the guide."""
        return Aim(str(self.quantity), "below" if self.side == "<" else "above", self.level)


@dataclass(frozen=True)
class Posing:
    """How to make a guide from a table.

    Attributes:
        objective: quantity to maximise (or minimise if smaller is better), as `Quantity`; None for constraints only.
        constraints: bounds to satisfy.
        dataset: data set of the table; may be None if there is only one.
        told: number of randomly drawn architectures whose objective is bought.
        predictor: name in `predictors` of the predictor trained on them; "" to train the guide on them alone.
        columns: columns that the predictor sees, as `Benchmark.batch` takes them; None for "all" if the project ships
            scores for the space, otherwise "training-free".
        share: the guide aims for the best part of this size of its training targets; None for the value that worked
            best, which is larger with rounds because more of the training targets are then good.
        scale: factor of the guide's gradient.
        pool: maximum number of architectures of the table that the predictor labels if there are no rounds.
        rounds: rounds in which the guide queries the predictor; 0 labels the pool at once. Requires a table of the
            whole space.
        calls: total number of predictor calls in all rounds.
        steps: training steps of the guide.
        network: network with which the guide reads noisy graphs.
        seed: seed of the draw and of everything else that is random.
    """

    objective: str | None = None
    constraints: tuple[Constraint, ...] = ()
    dataset: str | None = None
    told: int = 50
    predictor: str = "ensemble"
    columns: str | None = None
    share: float | None = None
    scale: float = 4.0
    pool: int = 20_000
    rounds: int = 5
    calls: int = 1000
    steps: int = 1000
    network: str = "mlp"
    seed: int = 0


class TableGuide:
    """A guide, with predictions and table values for the architectures that it generates.

    Raises:
        ProxybenchError: if there is neither an objective nor a constraint, or if too few rows are measured.
        UnknownName: for an unknown data set, quantity or predictor.
    """

    def __init__(self, model: DiffusionModel, bench: Benchmark, posing: Posing) -> None:
        named = [posing.objective, *(constraint.quantity for constraint in posing.constraints)]
        bench = edition_with(bench, posing.dataset, named)
        self.bench, self.posing = bench, posing
        self.dataset, objective, _ = quantities(bench, posing.dataset, posing.objective, None)
        self.objective: Quantity | None = objective if posing.objective is not None else None
        if self.objective is None and not posing.constraints:
            raise ProxybenchError("a guide needs an objective or a constraint")
        random = np.random.default_rng(posing.seed)
        costs = {str(c.quantity): self._raw(c.quantity) for c in posing.constraints}
        usable = np.all([np.isfinite(values) for values in costs.values()], axis=0) if costs else np.ones(len(bench))
        rows = random.permutation(np.flatnonzero(usable))
        if len(rows) < 2:
            raise ProxybenchError(f"{bench.name} has {', '.join(costs)} for fewer than two architectures")
        self.told: NDArray[np.int64] = np.empty(0, dtype=np.int64)
        targets: dict[str, Floats] = {}
        if self.objective is not None:
            rows, targets[str(self.objective)] = self._objective(self.objective, rows)
        else:
            rows = rows[: posing.pool]
        targets |= {name: values[rows] for name, values in costs.items()}
        self.guide: Guide = self._asked(model, rows, targets) if self._whole else self._learned(model, rows, targets)

    def _batch(self) -> ArchBatch:
        if self.posing.columns is not None:
            return self.bench.batch(self.posing.columns, self.dataset)
        try:
            return self.bench.batch("all", self.dataset)
        except DataNotAvailable:
            return self.bench.batch("training-free", self.dataset)

    @property
    def _whole(self) -> bool:
        """Whether the guide may query any architecture that it generates."""
        space, posing = self.bench.space, self.posing
        listed = isinstance(space, EnumerableSpace) and len(space) == len(self.bench)
        return bool(self.objective and posing.predictor and posing.rounds and listed)

    def _learned(self, model: DiffusionModel, rows: NDArray[np.int64], targets: dict[str, Floats]) -> Guide:
        """A guide trained on all targets at once."""
        posing = self.posing
        archs = [self.bench.arch(row) for row in rows.tolist()]
        return fit_guide(model, archs, targets, network=posing.network, steps=posing.steps, seed=posing.seed)

    def _asked(self, model: DiffusionModel, rows: NDArray[np.int64], targets: dict[str, Floats]) -> Guide:
        """A guide trained in rounds on architectures generated by its predecessors."""
        posing = self.posing
        place = np.full(len(self.bench) + 1, len(rows))
        place[rows] = np.arange(len(rows))
        known = {name: np.append(values, np.nan) for name, values in targets.items()}

        def label(archs: Sequence[ArchGraph]) -> dict[str, Floats]:
            asked = place[[self._row(arch) for arch in archs]]
            return {name: values[asked] for name, values in known.items()}

        plan = Plan(posing.calls, rounds=posing.rounds, scale=posing.scale)
        aims = self._aims(_SHARE_OF_A_ROUND)
        network, steps = posing.network, posing.steps
        return refine_guide(model, label, aims, plan, seed=posing.seed, network=network, steps=steps).guide

    def _aims(self, share: float) -> list[Aim]:
        aims = [constraint.aim for constraint in self.posing.constraints]
        return aims if self.objective is None else [*aims, Aim(str(self.objective), "above", share=share)]

    def _raw(self, quantity: Quantity) -> Floats:
        return sign_of(quantity) * signed_values(self.bench, quantity, self.dataset)

    def _objective(self, quantity: Quantity, rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], Floats]:
        """Rows to learn from and their assumed objective, larger is better."""
        values = signed_values(self.bench, quantity, self.dataset)
        self.told = rows[np.isfinite(values[rows])][: self.posing.told]
        if len(self.told) < 2:
            raise ProxybenchError(f"{self.bench.name} has {quantity} for fewer than two matching architectures")
        known = values[self.told]
        if not self.posing.predictor:
            return self.told, known
        batch = self._batch()
        pool = rows[: self.posing.pool]
        predictor = make(self.posing.predictor, **_seeded(self.posing.predictor, self.posing.seed))
        labels = predictor.fit(batch[self.told], known).predict(batch[pool])
        return pool, NormalScale(known).value(normal_scores(labels))  # on the scale of the known values

    @property
    def gradient(self) -> Gradient:
        """What `generate` takes."""
        return guided(self.guide, self._aims(self.share), self.posing.scale)

    @property
    def share(self) -> float:
        """The guide aims for the best part of this size of its training targets."""
        if self.posing.share is not None:
            return self.posing.share
        return 0.06 if self._whole else 0.002

    def predicted(self, archs: Sequence[ArchGraph]) -> dict[str, Floats]:
        """Predictions by quantity, in its unit, float64[n]."""
        found = self.guide.predict(archs)
        if self.objective is not None:
            found[str(self.objective)] = sign_of(self.objective) * found[str(self.objective)]
        return found

    def true(self, archs: Sequence[ArchGraph]) -> dict[str, Floats]:
        """Table values by quantity, float64[n]; NaN if missing."""
        rows = [self._row(arch) for arch in archs]
        asked = [c.quantity for c in self.posing.constraints] + ([self.objective] if self.objective else [])
        found = {}
        for quantity in asked:
            values = np.append(self._raw(quantity), np.nan)
            found[str(quantity)] = values[rows]
        return found

    def _row(self, arch: ArchGraph) -> int:
        try:
            return self.bench.index(arch)
        except (LookupError, InvalidArchitecture):
            return -1

    def accepts(self, archs: Sequence[ArchGraph]) -> list[bool]:
        """Whether the guide predicts, without noise, that every bound is satisfied."""
        predicted = self.guide.predict(archs)
        kept = np.ones(len(archs), dtype=bool)
        for constraint in self.posing.constraints:
            kept &= constraint.holds(predicted[str(constraint.quantity)])
        return [bool(one) for one in kept]


def _seeded(predictor: str, seed: int) -> dict[str, Any]:
    from inspect import signature

    from predictors import PREDICTORS

    return {"random_state": seed} if "random_state" in signature(PREDICTORS[predictor]).parameters else {}
