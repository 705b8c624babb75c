"""A generator of paths of about a given cost: an LSTM that emits one option after another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from proxybench.oneshot.supernet import Path

UNITS = 64
BATCH, RATE = 64, 5e-3  # of the training by Adam


class PathGenerator(nn.Module):
    """Chances of each option of each choice, given a cost and the options before.

    Args:
        options: number of options of each choice.
    """

    def __init__(self, options: Sequence[int]) -> None:
        super().__init__()
        self.options = tuple(options)
        self.lstm = nn.LSTM(2 + len(options), UNITS, batch_first=True)
        self.last = nn.Linear(UNITS, max(options))
        absent = [[option >= number for option in range(max(options))] for number in options]
        self.register_buffer("absent", torch.tensor(absent), persistent=False)
        self.register_buffer("scales", torch.tensor([max(1, n - 1) for n in options]).float(), persistent=False)
        self.absent: Tensor
        self.scales: Tensor

    @classmethod
    def fitted(
        cls,
        options: Sequence[int],
        paths: Sequence[Path],
        costs: ArrayLike,
        updates: int,
        rng: np.random.Generator,
    ) -> Self:
        """A generator trained, by likelihood, to emit paths at their costs, which it scales to 0 to 1."""
        values = np.asarray(costs, dtype=np.float64)
        places = (values - values.min()) / max(float(np.ptp(values)), 1.0)
        rows, targets = torch.from_numpy(places).float(), torch.tensor(paths)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(rng.integers(2**31)))
            generator = cls(options)
        optimiser = torch.optim.Adam(generator.parameters(), RATE)
        for _ in range(updates):
            chosen = torch.from_numpy(rng.integers(len(paths), size=BATCH))
            logits = generator(rows[chosen], targets[chosen])
            optimiser.zero_grad()
            torch.autograd.backward(cross_entropy(logits.flatten(0, 1), targets[chosen].flatten()))
            optimiser.step()
        return generator

    def forward(self, places: Tensor, paths: Tensor) -> Tensor:
        """Logits [n, choices, options] for costs from 0 to 1, [n], and the options of earlier choices.

        Of `paths`, [n, choices], the last option is not seen.
        """
        n, choices = paths.shape
        before = torch.cat([torch.zeros(n, 1), (paths / self.scales[:choices])[:, :-1]], 1)
        which = torch.eye(len(self.options))[:choices].expand(n, -1, -1)
        inputs = torch.cat([places[:, None, None].expand(-1, choices, 1), before[..., None], which], 2)
        logits: Tensor = self.last(self.lstm(inputs)[0])
        return logits.masked_fill(self.absent[:choices], -torch.inf)

    def draw(self, place: float, rng: np.random.Generator) -> Path:
        """A path of about this cost, from 0 for the smallest of the paths it learned from to 1 for the largest."""
        path: list[int] = []
        with torch.no_grad():
            for choice, number in enumerate(self.options):
                logits = self(torch.tensor([place]).float(), torch.tensor([[*path, 0]]))
                chances = torch.softmax(logits[0, choice, :number].double(), 0).numpy()
                path.append(int(rng.choice(number, p=chances / chances.sum())))
        return tuple(path)

    def plain(self) -> dict[str, Any]:
        """The generator as numbers and tensors."""
        return {"options": list(self.options), "weights": self.state_dict()}

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Self:
        """What `plain` gave."""
        with torch.random.fork_rng(devices=[]):
            generator = cls(plain["options"])
        generator.load_state_dict({name: value.cpu() for name, value in plain["weights"].items()})
        return generator


def spread(options: Sequence[int], number: int, rng: np.random.Generator) -> list[Path]:
    """Paths of an elastic supernet from its smallest sizes to its largest; each option of a choice is equally frequent.

    Each path draws a size between 0 and 1 that all its options follow, as binomial draws.
    """
    return [tuple(int(rng.binomial(most - 1, size)) for most in options) for size in rng.random(number)]
