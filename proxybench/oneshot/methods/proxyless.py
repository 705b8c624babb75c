"""ProxylessNAS: probabilities of the options are learned by binary gates, with the expected latency in the loss.

Cai, Zhu and Han, "ProxylessNAS: Direct Neural Architecture Search on Target Task and Hardware", ICLR 2019.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from proxybench.errors import ProxybenchError
from proxybench.oneshot.latency_table import read_latencies
from proxybench.oneshot.method import Batch, Method
from proxybench.oneshot.stage import Stage
from proxybench.oneshot.supernet import ChoiceSupernet, Part, Path, Supernet

LOSSES = ("mul#log", "add#linear")
BETAS = (0.0, 0.999)  # of Adam
_STATE = ("_held_out", "_searching", "_reference")


@dataclass
class ProxylessNAS(Method):
    """ProxylessNAS: paths are drawn from learned probabilities, which the expected latency moves to faster options.

    A step trains the weights of one drawn path. After the warm-up, it then compares two options of every choice, one of
    them active, on images that train no weights (section 3.2). The most probable options are the derived architecture.

    Args:
        table: a file of latencies; empty for the one that comes with the space.
        loss: "mul#log" multiplies the cross-entropy by alpha * (log E / log R) ** beta, "add#linear" adds
            weight * (E - R) / R, for the expected latency E and the reference R; logarithms are of microseconds.
        reference: R in ms; 0 for the expected latency when all options are equally likely.
        alpha: of mul#log.
        beta: of mul#log.
        weight: of add#linear.
        rate: of Adam, for the logits of the probabilities.
        held_out: share of the training images on which options are compared.
        warm_up: share of the epochs before that.
    """

    table: str = ""
    loss: str = "mul#log"
    reference: float = 0.0
    alpha: float = 0.2
    beta: float = 0.3
    weight: float = 0.1
    rate: float = 0.01
    held_out: float = 0.25
    warm_up: float = 0.25

    def stages(self, supernet: Supernet, epochs: int) -> list[Stage]:
        if not isinstance(supernet, ChoiceSupernet):
            raise ProxybenchError("proxyless needs options that are modules of their own, as in mbconv-micro")
        if self.loss not in LOSSES:
            raise ProxybenchError(f"loss must be {' or '.join(LOSSES)}, not {self.loss}")
        if not (0 < self.held_out < 1 and 0 <= self.warm_up < 1 and self.rate > 0 and self.reference >= 0):
            raise ProxybenchError(
                "held_out must be a share between 0 and 1, warm_up one below 1, rate above 0 and reference at least 0"
            )
        self._table = read_latencies(self.table, supernet)
        return super().stages(supernet, epochs)

    def begin(self, supernet: Supernet, images: int) -> None:
        device = next(supernet.parameters()).device
        self._logits = [torch.zeros(size, device=device, requires_grad=True) for size in supernet.options]
        self._optimiser = torch.optim.Adam(self._logits, self.rate, BETAS)
        self._held_out = int(images * self.held_out)
        self._searching = self.warm_up == 0
        self._reference = self.reference or float(self._expected().detach())

    def paths(self, supernet: Supernet, part: Part, rng: np.random.Generator) -> list[Path]:
        """The path whose weights are trained; after the warm-up also the active path and its alternative."""
        drawn = zip(*(_draw(logits, rng) for logits in self._logits), strict=True)
        return list(drawn)[: 3 if self._searching else 1]

    def learn(self, supernet: Supernet, batch: Batch, paths: Sequence[Path]) -> float:
        held_out = torch.from_numpy(batch.rows < self._held_out).to(batch.labels.device)
        others = Batch(batch.images[~held_out], batch.labels[~held_out], batch.rows[batch.rows >= self._held_out])
        loss = super().learn(supernet, others, paths[:1])
        if len(paths) > 1 and int(held_out.sum()) > 1:
            assert isinstance(supernet, ChoiceSupernet)
            self._compare(supernet, batch.images[held_out], batch.labels[held_out], *paths[1:])
        return loss

    def after_epoch(self, done: float) -> None:
        self._searching = done >= self.warm_up

    def derived(self, supernet: Supernet) -> Path:
        return tuple(int(logits.argmax()) for logits in self._logits)

    def findings(self, supernet: Supernet) -> dict[str, float]:
        return self._table.findings(self.derived(supernet)) | {"expected_latency_ms": float(self._expected().detach())}

    def state(self) -> dict[str, Any]:
        if not hasattr(self, "_logits"):
            return {}
        plain = {name: getattr(self, name) for name in _STATE}
        return {"logits": [z.detach().clone() for z in self._logits], "adam": self._optimiser.state_dict(), **plain}

    def restore(self, state: Mapping[str, Any]) -> None:
        if state:
            self._logits = [z.clone().requires_grad_() for z in state["logits"]]
            self._optimiser = torch.optim.Adam(self._logits, self.rate, BETAS)
            self._optimiser.load_state_dict(state["adam"])
            for name in _STATE:
                setattr(self, name, state[name])

    def _compare(self, supernet: ChoiceSupernet, images: Tensor, labels: Tensor, active: Path, other: Path) -> None:
        """One step of Adam on the logits of the compared options, whose total probabilities stay the same."""
        pairs = [torch.tensor(pair, device=labels.device) for pair in zip(active, other, strict=True)]
        gates = [torch.tensor([1.0, 0.0], device=labels.device, requires_grad=True) for _ in pairs]
        supernet.mix([dict(zip(pair.tolist(), gate, strict=True)) for pair, gate in zip(pairs, gates, strict=True)])
        loss = self._penalised(cross_entropy(supernet(images), labels))
        of_logits = torch.autograd.grad(loss, self._logits, retain_graph=True)
        of_gates = torch.autograd.grad(loss, gates)
        before = [logits.detach().clone() for logits in self._logits]
        for logits, of_logit, of_gate, pair in zip(self._logits, of_logits, of_gates, pairs, strict=True):
            chances = torch.softmax(logits.detach()[pair], 0)
            logits.grad = torch.zeros_like(logits)
            logits.grad[pair] = of_logit[pair] + chances * (of_gate - (chances * of_gate).sum())
        self._optimiser.step()
        with torch.no_grad():
            for logits, old, pair in zip(self._logits, before, pairs, strict=True):
                logits[pair] -= torch.logsumexp(logits[pair], 0) - torch.logsumexp(old[pair], 0)

    def _penalised(self, loss: Tensor) -> Tensor:
        expected = self._expected()
        if self.loss == "add#linear":
            return loss + self.weight * (expected - self._reference) / self._reference
        return loss * self.alpha * (torch.log(1000 * expected) / math.log(1000 * self._reference)) ** self.beta

    def _expected(self) -> Tensor:
        """The expected latency in ms, differentiable in the logits."""
        terms = [torch.softmax(z, 0) @ z.new_tensor(ms) for z, ms in zip(self._logits, self._table.values, strict=True)]
        return self._table.fixed + torch.stack(terms).sum()


def _draw(logits: Tensor, rng: np.random.Generator) -> tuple[int, int, int]:
    """An option; and two different ones, the first of which is active with its share of their probabilities."""
    chances = torch.softmax(logits.detach().double(), 0).cpu().numpy()
    chances = chances / chances.sum()
    pair = rng.choice(len(chances), 2, replace=False, p=chances)
    active = int(rng.random() < chances[pair[1]] / chances[pair].sum())
    return int(rng.choice(len(chances), p=chances)), int(pair[active]), int(pair[1 - active])
