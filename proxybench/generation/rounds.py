"""A guide that is refined where it leads: label, learn, generate, and again, with so many questions to a predictor.

A guide from architectures drawn at random knows the best of them only from the few that the draw happened to hold, and
sampling cannot be led beyond what the guide can tell apart. Here part of the questions goes to random architectures and
the rest, round by round, to new ones that the guide generates; each round's guide learns from all answers so far. A
round asks for what is better than all but a share of the answers, so that what is asked for rises with what is found,
as in the cross-entropy method (Rubinstein, "The cross-entropy method for combinatorial and continuous optimization",
Methodology and Computing in Applied Probability 1, 1999).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from predictors.arch import ArchGraph
from predictors.inputs import as_vector
from proxybench.errors import ProxybenchError
from proxybench.generation.guidance import Aim, Guide, fit_guide, guided
from proxybench.generation.model import DiffusionModel
from proxybench.generation.sampling import Sampler, sample

Label = Callable[[Sequence[ArchGraph]], Mapping[str, ArrayLike]]
ROUND: Mapping[str, Any] = {"hidden": 64, "steps": 300, "batch": 128, "rate": 3e-3}
"""How the guide of a round is trained: small, for it is trained anew each round."""
LAST: Mapping[str, Any] = {"steps": 1000}
"""How the guide that is given back is trained, where nothing else is said."""
_FEWEST = 16  # samples of a round


@dataclass(frozen=True)
class Plan:
    """How the questions are spent.

    Attributes:
        calls: questions in all; one answers for one architecture.
        first: part of them that goes to random architectures.
        rounds: that the rest is spread over.
        draws: samples of a round for each of its questions; what was asked before is not asked again, and the questions
            that a round leaves are the next one's.
        scale: of the guide's gradient.
        sampler: how a round samples.
    """

    calls: int = 1000
    first: float = 0.4
    rounds: int = 5
    draws: float = 2.0
    scale: float = 4.0
    sampler: Sampler = field(default_factory=lambda: Sampler("pc", 25))

    def __post_init__(self) -> None:
        if self.calls < 4 or self.rounds < 1 or not 0 < self.first < 1 or self.draws < 1:
            raise ValueError(f"a plan has four calls or more, a round or more, 0 < first < 1 and draws >= 1: {self}")


@dataclass(frozen=True)
class Refined:
    """A guide and what it learned from.

    Attributes:
        guide: trained on all answers.
        archs: architectures asked for that were answered, in order, all different.
        answers: by property, float64[n].
        generated: bool[n], whether the guide of a round led to it; the others were drawn at random.
        drawn: samples that the rounds took.
        seconds: wall time, that of the answers included.
    """

    guide: Guide
    archs: list[ArchGraph]
    answers: dict[str, NDArray[np.float64]]
    generated: NDArray[np.bool_]
    drawn: int
    seconds: float

    def best(self, n: int, of: str | None = None, key: Callable[[ArchGraph], str] | None = None) -> list[ArchGraph]:
        """The `n` generated architectures with the highest answers; ties in order.

        Args:
            n: how many; fewer come where there are not so many.
            of: the property; may be left out where there is one.
            key: of two architectures with one key the first stands for both. Give the space's `digest` to get none that
                is isomorphic to another.

        Raises:
            ProxybenchError: for a property that was not answered, or none named where there are several.
        """
        if of is None and len(self.answers) == 1:
            (of,) = self.answers
        if of not in self.answers:
            raise ProxybenchError(f"{of!r} was not answered; name one of: {', '.join(self.answers)}")
        values = np.where(self.generated, self.answers[of], -np.inf)
        found: dict[object, ArchGraph] = {}
        for row in np.argsort(-values, kind="stable")[: int(self.generated.sum())].tolist():
            if len(found) == n:
                break
            found.setdefault(key(self.archs[row]) if key else row, self.archs[row])
        return list(found.values())


def refine_guide(
    model: DiffusionModel,
    label: Label,
    aims: Aim | Sequence[Aim],
    plan: Plan | None = None,
    *,
    seed: int = 0,
    on_progress: Callable[[int], None] | None = None,
    **training: Any,
) -> Refined:
    """A guide from `plan.calls` answers, most of them about architectures that its predecessors led to.

    Args:
        model: of the space.
        label: what is asked, such as a predictor: architectures to numbers by property. An architecture with an answer
            that is not finite was asked in vain.
        aims: of each round. A share is one of the answers so far: .1 asks for what is better than nine tenths of them.
        plan: how the questions are spent.
        seed: of the random architectures, the guides and the samples.
        on_progress: told the number of questions so far, after each round.
        training: of the guide that is given back, see `fit_guide`, with `LAST` as default; those of the rounds are
            trained as `ROUND` says, on the same network and never longer.

    Raises:
        ProxybenchError: where fewer than two of the random architectures were answered.
        UnknownName: for an aim at a property that is not answered.
    """
    plan, last = plan or Plan(), {**LAST, **training}
    quick = {**ROUND, "steps": min(ROUND["steps"], last["steps"]), "network": last.get("network", "mlp")}
    begun, space, answers = time.perf_counter(), model.space, _Answers(label)
    answers.ask(space.sample(max(2, round(plan.first * plan.calls)), seed))
    first, drawn = len(answers.archs), 0
    count = max(_FEWEST, round(plan.draws * (plan.calls - answers.asked) / plan.rounds))
    for number in range(plan.rounds):
        guide = fit_guide(model, answers.archs, answers.values, seed=seed * 1000 + number, **quick)
        allowed = -(-(plan.calls - answers.asked) // (plan.rounds - number))
        samples = sample(model, count, seed * 1000 + number, plan.sampler, guided(guide, aims, plan.scale))
        answers.ask(samples.valid, allowed)
        drawn += count
        if on_progress is not None:
            on_progress(answers.asked)
    guide = fit_guide(model, answers.archs, answers.values, seed=seed * 1000 + plan.rounds, **last)
    generated = np.arange(len(answers.archs)) >= first
    return Refined(guide, answers.archs, answers.values, generated, drawn, time.perf_counter() - begun)


class _Answers:
    """What was asked so far, nothing twice, and what came back finite."""

    def __init__(self, label: Label) -> None:
        self.label = label
        self.known: set[ArchGraph] = set()
        self.archs: list[ArchGraph] = []
        self.values: dict[str, NDArray[np.float64]] = {}

    @property
    def asked(self) -> int:
        return len(self.known)

    def ask(self, archs: Sequence[ArchGraph], most: int | None = None) -> None:
        new = [arch for arch in dict.fromkeys(archs) if arch not in self.known][:most]
        if not new:
            return
        self.known.update(new)
        answered = {name: as_vector(values, name) for name, values in self.label(new).items()}
        usable = np.all([np.isfinite(values) for values in answered.values()], axis=0)
        self.archs += [arch for arch, kept in zip(new, usable.tolist(), strict=True) if kept]
        for name, values in answered.items():
            self.values[name] = np.append(self.values.get(name, np.empty(0)), values[usable])
