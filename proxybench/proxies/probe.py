"""Probe: one network with one batch, on which each distinct pass runs once for all proxies that need it."""

from __future__ import annotations

import hashlib
import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.modules.batchnorm import _BatchNorm

from proxybench.proxies.base import NoAnswer, Proxy, Tap
from proxybench.proxies.batch_norm import running_variances
from proxybench.proxies.layers import Layer, find_layers, group_by_operation, sum_over_operations
from proxybench.proxies.restore import Snapshot

T = TypeVar("T")
Loss = Callable[[Tensor, Tensor], Tensor]
_NO_ANSWER = (NoAnswer, torch.linalg.LinAlgError, np.linalg.LinAlgError)  # type: ignore[attr-defined]


@dataclass
class Scores:
    """What `Probe.run` found.

    Attributes:
        values: proxy name to score; NaN where the definition has no answer or the answer is not finite.
        nodes: proxy name to float64[len(operations)], for proxies that sum over layers. Sums to the score.
        operations: names of the network's operations, to which `nodes` belongs.
        seconds: pass or proxy to the time it took itself, without the passes it shares.
        unanswered: proxy name to the reason of its NaN.
    """

    operations: tuple[str, ...]
    values: dict[str, float] = field(default_factory=dict)
    nodes: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    unanswered: dict[str, str] = field(default_factory=dict)


class Probe:
    """A network, a batch and a seed. The network is given back bit for bit after every pass.

    Args:
        network: any torch module from images to logits.
        images: float[n, ...], the batch that is passed to the network.
        labels: int64[n] (or what `loss` takes), None where no proxy needs them.
        seed: of every random draw; each proxy draws from a generator of its own.
        loss: of (logits, labels), the mean over the batch; cross-entropy by default.
        taps: what the shared pass over the batch records; `run` sets it from the proxies it is asked for.

    Attributes:
        layers: convolutions, linear layers and projections of attention.
        operations: `network.operations` where it says so, else the names of the layers.
    """

    def __init__(
        self,
        network: nn.Module,
        images: Tensor,
        labels: Tensor | None = None,
        *,
        seed: int = 0,
        loss: Loss = nn.functional.cross_entropy,
        taps: frozenset[Tap] = frozenset(),
    ) -> None:
        self.network = network
        floating = [tensor for tensor in (*network.parameters(), *network.buffers()) if tensor.is_floating_point()]
        self.device = floating[0].device if floating else torch.device("cpu")
        self.dtype = floating[0].dtype if floating else torch.float32
        self.images = images.to(self.device, self.dtype)
        self.labels = None if labels is None else labels.to(self.device)
        self.seed = seed
        self.loss = loss
        self.taps = taps
        self.layers: tuple[Layer, ...] = find_layers(network)
        named = getattr(network, "operations", None)
        if not isinstance(named, tuple) or not named or not all(isinstance(name, str) for name in named):
            named = tuple(layer.name for layer in self.layers)
        self.operations: tuple[str, ...] = named
        self._groups = group_by_operation(self.layers, self.operations)
        self._modules = list(network.modules())
        self._batch_norms = [module for module in self._modules if isinstance(module, _BatchNorm)]
        self._inplace = [module for module in self._modules if getattr(module, "inplace", False)]
        self._snapshot: Snapshot | None = None
        self._done: dict[Any, Any] = {}
        self._seconds: dict[str, float] = {}
        self._clock: list[float] = []

    def run(self, proxies: Sequence[Proxy]) -> Scores:
        """Score the network by all `proxies`, each distinct pass once.

        Raises:
            ValueError: when a proxy needs labels and there are none; names the proxy.
        """
        for wanted in proxies:
            if "labels" in wanted.needs and self.labels is None:
                raise ValueError(f"proxy {wanted.name!r} needs labels; pass labels=, or leave it out")
        self.record(frozenset().union(*(wanted.taps for wanted in proxies)))
        scores = Scores(self.operations, seconds=self._seconds)
        self._snapshot = Snapshot(self.network)
        try:
            for wanted in proxies:
                with self._timed(wanted.name):
                    self._score(wanted, scores)
        finally:
            self._snapshot = None
        return scores

    def _score(self, wanted: Proxy, scores: Scores) -> None:
        try:
            value = wanted(self)
        except _NO_ANSWER as reason:
            scores.values[wanted.name] = float("nan")
            scores.unanswered[wanted.name] = str(reason)
            if wanted.per_layer:
                scores.nodes[wanted.name] = np.full(len(self.operations), np.nan)
            return
        if wanted.per_layer:
            nodes = sum_over_operations(torch.as_tensor(value), self._groups, len(self.operations)).numpy()
            value = nodes.sum()
            scores.nodes[wanted.name] = np.where(np.isfinite(nodes), nodes, np.nan)
        score = float(value)
        if not np.isfinite(score):
            scores.unanswered[wanted.name] = f"the score is {score}"
        scores.values[wanted.name] = score if np.isfinite(score) else float("nan")

    def record(self, taps: frozenset[Tap]) -> None:
        """Let the shared pass over the batch record `taps` too; forgets what was run without them."""
        if not taps <= self.taps:
            self.taps |= taps
            self._done.clear()

    def once(self, run: Callable[[Probe], T]) -> T:
        """The result of a pass, a function of the probe, which runs at its first use only.

        Raises:
            NoAnswer: at each use, when the pass raised it at the first.
        """
        if run not in self._done:
            with self._timed(getattr(run, "__name__", repr(run))):
                try:
                    self._done[run] = run(self)
                except _NO_ANSWER as reason:
                    self._done[run] = NoAnswer(str(reason))
        result = self._done[run]
        if isinstance(result, NoAnswer):
            raise result
        done: T = result
        return done

    @contextmanager
    def _timed(self, name: str) -> Iterator[None]:
        """Add the time inside to `name`, less what is timed inside under other names."""
        start = time.perf_counter()
        self._clock.append(0.0)
        try:
            yield
        finally:
            spent = time.perf_counter() - start
            self._seconds[name] = self._seconds.get(name, 0.0) + spent - self._clock.pop()
            if self._clock:
                self._clock[-1] += spent

    def generator(self, name: str) -> torch.Generator:
        """A random generator on the CPU that depends on the seed and `name` alone."""
        digest = hashlib.blake2b(f"{self.seed} {name}".encode(), digest_size=8).digest()
        return torch.Generator().manual_seed(int.from_bytes(digest, "big") >> 1)

    @contextmanager
    def borrowed(self, *, train: bool = True, weights: bool = True) -> Iterator[nn.Module]:
        """The network for one pass, in training mode or not, nothing done in place; put back bit for bit afterwards.

        Args:
            train: whether batch normalisation uses the batch's statistics (and dropout drops).
            weights: False where the pass changes no parameter in place.
        """
        snapshot = self._snapshot or Snapshot(self.network)
        with snapshot.lent(weights=weights) as network, _plain_arithmetic():
            self._seed_everything()
            if any(module.training is not train for module in self._modules):
                network.train(train)
            for module in self._inplace:
                vars(module)["inplace"] = False
            yield network

    def forward(self, network: nn.Module, images: Tensor) -> Tensor:
        """Logits [n, classes] of images [n, ...], which stay as they are even where the network writes into them.

        Raises:
            NoAnswer: where normalisation over one single value is asked for, or a variance overflows, so that batch
                normalisation would give zeros.
            TypeError: when the network returns no tensor.
        """
        before = running_variances(self._batch_norms)
        try:
            logits: Any = network(images.clone())
        except ValueError as error:
            if "Expected more than 1 " in str(error):
                raise NoAnswer("normalisation over a single value") from error
            raise
        if not isinstance(logits, Tensor):
            raise TypeError(
                f"the network must return logits, not {type(logits).__name__}; wrap it in a module that does"
            )
        if not running_variances(self._batch_norms)[before.isfinite()].isfinite().all():
            raise NoAnswer("the variance of a batch normalisation is not finite")
        return logits

    def _seed_everything(self) -> None:
        """Seed the global generators that dropout and the like draw from, where `restored` puts them back."""
        torch.default_generator.manual_seed(self.seed)
        if self.device.type == "cuda":
            with torch.cuda.device(self.device):
                torch.cuda.manual_seed(self.seed)
        random.seed(self.seed)
        np.random.seed(self.seed % 2**32)

    def noise(self, name: str, count: int | None = None, shape: Sequence[int] | None = None) -> Tensor:
        """Standard normal images, [count, *shape]; shape and count of the batch by default."""
        size = (len(self.images) if count is None else count, *(self.images.shape[1:] if shape is None else shape))
        return torch.randn(size, generator=self.generator(name), dtype=torch.float32).to(self.device, self.dtype)

    def parameters_as(self, values: Callable[[Tensor], Tensor]) -> dict[str, Tensor]:
        """New leaf tensors in place of all parameters, for torch.func.functional_call: `values` of each, detached."""
        return {name: values(parameter.detach()) for name, parameter in self.network.named_parameters()}


@contextmanager
def _plain_arithmetic() -> Iterator[None]:
    """Gradients can be taken, and attention is computed by operations that can be differentiated twice."""
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with torch.inference_mode(False), torch.enable_grad(), sdpa_kernel(SDPBackend.MATH):
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
