"""A guide from a benchmark's table: some accuracies are paid for, all else is predicted; costs are looked up.

A predictor of `predictors` learns the objective from the architectures told, then says what every architecture of the
table is worth, and the noise-aware guide learns from these answers: fifty architectures teach a strong noise-free
predictor much, but say little of noisy architectures. Costs, such as the latencies of HW-NAS-Bench, need no training
and are learned from the table itself.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from predictors import make
from predictors.arch import ArchGraph
from predictors.tabular.targets import normal_scores
from proxybench.errors import InvalidArchitecture, ProxybenchError
from proxybench.generation.guidance import Aim, Guide, NormalScale, fit_guide, guided
from proxybench.generation.model import DiffusionModel
from proxybench.generation.sampling import Gradient
from proxybench.search.population import Quantity, quantities
from proxybench.tables.benchmark import Benchmark

Floats = NDArray[np.float64]
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
        columns: that the predictor sees, as `Benchmark.batch` takes them.
        share: the guide asks for the best part of this size.
        scale: of its gradient.
        pool: architectures of the table that the predictor labels at most.
        steps: of the guide's training.
        network: that the guide reads noisy graphs with.
        seed: of the draw and of all that is random.
    """

    objective: str | None = None
    constraints: tuple[Constraint, ...] = ()
    dataset: str | None = None
    told: int = 50
    predictor: str = "ensemble"
    columns: str = "training-free"
    share: float = 0.002
    scale: float = 4.0
    pool: int = 20_000
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
        self.guide: Guide = fit_guide(
            model,
            [bench.arch(row) for row in rows.tolist()],
            targets,
            network=posing.network,
            steps=posing.steps,
            seed=posing.seed,
        )

    def _raw(self, quantity: Quantity) -> Floats:
        return np.asarray(quantity.sign * quantity.values(self.bench, self.dataset))

    def _objective(self, quantity: Quantity, rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], Floats]:
        """Rows to learn from, and what the objective is taken to be there, larger better."""
        values = quantity.values(self.bench, self.dataset)
        self.told = rows[np.isfinite(values[rows])][: self.posing.told]
        if len(self.told) < 2:
            raise ProxybenchError(f"{self.bench.name} has {quantity} of fewer than two architectures that fit")
        known = values[self.told]
        if not self.posing.predictor:
            return self.told, known
        batch = self.bench.batch(self.posing.columns, self.dataset)
        pool = rows[: self.posing.pool]
        predictor = make(self.posing.predictor, **_seeded(self.posing.predictor, self.posing.seed))
        labels = predictor.fit(batch[self.told], known).predict(batch[pool])
        return pool, NormalScale(known).value(normal_scores(labels))  # on the scale of what was told

    @property
    def gradient(self) -> Gradient:
        """What `generate` takes."""
        aims = [constraint.aim for constraint in self.posing.constraints]
        if self.objective is not None:
            aims.append(Aim(str(self.objective), "above", share=self.posing.share))
        return guided(self.guide, aims, self.posing.scale)

    def predicted(self, archs: Sequence[ArchGraph]) -> dict[str, Floats]:
        """By quantity, in its unit, float64[n]."""
        found = self.guide.predict(archs)
        if self.objective is not None:
            found[str(self.objective)] = self.objective.sign * found[str(self.objective)]
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
