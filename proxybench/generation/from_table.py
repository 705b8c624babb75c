"""A guide from a benchmark's table: some accuracies are paid for, all else is predicted; costs are looked up.

A predictor of `predictors` learns the objective from the architectures told, then says what every architecture of the
table is worth, and the noise-aware guide learns from these answers: fifty architectures teach a strong noise-free
predictor much, but say little of noisy architectures. Where the table holds a whole space that can be listed, the
guide asks for these answers where it leads, see `rounds`; elsewhere it learns from all of them at once. Costs, such as
the latencies of HW-NAS-Bench, need no training and are learned from the table itself.
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
from predictors.tabular.targets import normal_scores
from proxybench.errors import DataNotAvailable, InvalidArchitecture, ProxybenchError
from proxybench.generation.guidance import Aim, Guide, NormalScale, fit_guide, guided
from proxybench.generation.model import DiffusionModel
from proxybench.generation.rounds import Plan, refine_guide
from proxybench.generation.sampling import Gradient
from proxybench.grammar import Quantity
from proxybench.spaces import EnumerableSpace
from proxybench.tables.benchmark import Benchmark
from proxybench.tables.quantities import quantities, sign_of, signed_values

Floats = NDArray[np.float64]
_SHARE_OF_A_ROUND = 0.15
_BOUND = re.compile(r"(?P<quantity>[^<>=]+?)\s*(?P<side>[<>])=?\s*(?P<level>[-+.\deE]+)")


@dataclass(frozen=True)
class Constraint:
    """A bound on a quantity of the table, such as `latency_ms@edgegpu<5`, in its unit."""

    quantity: Quantity
    side: Literal["<", ">"]
    level: float

    @classmethod
    def parse(cls, text: str) -> Constraint:
        """Raises ProxybenchError for another form."""
        found = _BOUND.fullmatch(text.strip())
        try:
            if found is None:
                raise ValueError
            side: Literal["<", ">"] = "<" if found["side"] == "<" else ">"
            return cls(Quantity.parse(found["quantity"]), side, float(found["level"]))
        except ValueError:
            form = "write QUANTITY<NUMBER or QUANTITY>NUMBER, such as latency_ms@edgegpu<5"
            raise ProxybenchError(f"{text!r} is no constraint; {form}") from None

    def holds(self, values: Floats) -> NDArray[np.bool_]:
        """For each value whether it keeps the bound; not for NaN."""
        return values < self.level if self.side == "<" else values > self.level

    @property
    def aim(self) -> Aim:
        """What the guide is asked for."""
        return Aim(str(self.quantity), "below" if self.side == "<" else "above", self.level)


@dataclass(frozen=True)
class Posing:
    """How a guide is made from a table.

    Attributes:
        objective: quantity to be large (small, where smaller is better), as `Quantity`; None for constraints alone.
        constraints: bounds.
        dataset: of the table; may be None where it has one.
        told: architectures whose objective is paid for, drawn at random.
        predictor: name in `predictors` that learns from them; "" gives the guide nothing but these.
        columns: that the predictor sees, as `Benchmark.batch` takes them; None for "all" where scores of the space come
            with the project, else "training-free".
        share: the guide asks for the best part of this size of what it learned from; None for what has proved best,
            more where it asked in rounds, for then much of what it learned from is good.
        scale: of its gradient.
        pool: architectures of the table that the predictor labels at most, where it is not asked in rounds.
        rounds: in which the guide asks the predictor; 0 asks of the pool at once. Only where the table is the space.
        calls: architectures that it is asked of in all rounds.
        steps: of the guide's training.
        network: that the guide reads noisy graphs with.
        seed: of the draw and of all that is random.
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
    """A guide with the predictions and the table's values of what it generates.

    Raises:
        ProxybenchError: where neither objective nor constraint is asked for, or too few rows are measured.
        UnknownName: for a data set, quantity or predictor that there is none of.
    """

    def __init__(self, model: DiffusionModel, bench: Benchmark, posing: Posing) -> None:
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
            raise ProxybenchError(f"{bench.name} measures {', '.join(costs)} of fewer than two architectures")
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
        """Whether the guide may ask of whatever it generates."""
        space, posing = self.bench.space, self.posing
        listed = isinstance(space, EnumerableSpace) and len(space) == len(self.bench)
        return bool(self.objective and posing.predictor and posing.rounds and listed)

    def _learned(self, model: DiffusionModel, rows: NDArray[np.int64], targets: dict[str, Floats]) -> Guide:
        """From all targets at once."""
        posing = self.posing
        archs = [self.bench.arch(row) for row in rows.tolist()]
        return fit_guide(model, archs, targets, network=posing.network, steps=posing.steps, seed=posing.seed)

    def _asked(self, model: DiffusionModel, rows: NDArray[np.int64], targets: dict[str, Floats]) -> Guide:
        """From targets where the guides before it led."""
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
        """Rows to learn from, and what the objective is taken to be there, larger better."""
        values = signed_values(self.bench, quantity, self.dataset)
        self.told = rows[np.isfinite(values[rows])][: self.posing.told]
        if len(self.told) < 2:
            raise ProxybenchError(f"{self.bench.name} has {quantity} of fewer than two architectures that fit")
        known = values[self.told]
        if not self.posing.predictor:
            return self.told, known
        batch = self._batch()
        pool = rows[: self.posing.pool]
        predictor = make(self.posing.predictor, **_seeded(self.posing.predictor, self.posing.seed))
        labels = predictor.fit(batch[self.told], known).predict(batch[pool])
        return pool, NormalScale(known).value(normal_scores(labels))  # on the scale of what was told

    @property
    def gradient(self) -> Gradient:
        """What `generate` takes."""
        return guided(self.guide, self._aims(self.share), self.posing.scale)

    @property
    def share(self) -> float:
        """Of what the guide learned from, the best part of this size is asked for."""
        if self.posing.share is not None:
            return self.posing.share
        return 0.06 if self._whole else 0.002

    def predicted(self, archs: Sequence[ArchGraph]) -> dict[str, Floats]:
        """By quantity, in its unit, float64[n]."""
        found = self.guide.predict(archs)
        if self.objective is not None:
            found[str(self.objective)] = sign_of(self.objective) * found[str(self.objective)]
        return found

    def true(self, archs: Sequence[ArchGraph]) -> dict[str, Floats]:
        """By quantity, from the table, float64[n]; NaN where it has none."""
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
        """Whether the guide, asked without noise, predicts that every bound is kept."""
        predicted = self.guide.predict(archs)
        kept = np.ones(len(archs), dtype=bool)
        for constraint in self.posing.constraints:
            kept &= constraint.holds(predicted[str(constraint.quantity)])
        return [bool(one) for one in kept]


def _seeded(predictor: str, seed: int) -> dict[str, Any]:
    from inspect import signature

    from predictors import PREDICTORS

    return {"random_state": seed} if "random_state" in signature(PREDICTORS[predictor]).parameters else {}
