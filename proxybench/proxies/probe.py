"""Probe: one network with one batch, on which each distinct pass runs once for all proxies that need it."""

from __future__ import annotations

import hashlib
import operator
import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from proxybench.proxies.ambience import neutral_settings
from proxybench.proxies.base import NoAnswer, Proxy, Tap
from proxybench.proxies.batch_norm import running_variances
from proxybench.proxies.layers import Layer, are_known, find_layers, operations_of, sum_over_operations
from proxybench.proxies.linear_maps import find_linear_maps
from proxybench.proxies.restore import Snapshot
from proxybench.proxies.scores import NEVER_CAUGHT, NO_ANSWER, Scores, reason_of
from proxybench.proxies.unwrap import EffectiveWeight, effective_weights, has_effective_weights, unwrap

T = TypeVar("T")
Loss = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class _Done:
    """The result of a pass; a box, so that a pass may also give an error as its result."""

    value: Any


class Probe:
    """A network, a batch and a seed. The network is given back bit for bit after every pass.

    Args:
        network: any torch module from images to logits. nn.DataParallel and torch.compile are taken off, and weights
            that are computed from other parameters (weight_norm, pruning masks) become plain ones of the same value.
        images: float[n, ...] or whole numbers such as tokens, the batch that is passed to the network.
        labels: int64[n] (or what `loss` takes), None where no proxy needs them.
        seed: of every random draw; each proxy draws from a generator of its own.
        loss: of (logits, labels), the mean over the batch; cross-entropy by default.
        taps: what the shared pass over the batch records; `run` sets it from the proxies it is asked for.

    Attributes:
        layers: every weight that the network multiplies its features with; see `find_layers`.
        operations: `network.operations` where these are names of modules that hold all layers, else the names of the
            layers.
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
        self.network = unwrap(network)
        floating = [tensor for tensor in (*network.parameters(), *network.buffers()) if tensor.is_floating_point()]
        self.device = floating[0].device if floating else torch.device("cpu")
        self.dtype = floating[0].dtype if floating else torch.float32
        with neutral_settings(self.dtype):
            batch = images.to(self.device)
            self.images = batch.clone() if batch.is_inference() else batch
            targets = None if labels is None else labels.to(self.device)
            self.labels = targets.clone() if targets is not None and targets.is_inference() else targets
        self.seed = operator.index(seed)
        self.loss = loss
        self.taps = taps
        self._modules = list(self.network.modules())
        self._batch_norms = [module for module in self._modules if isinstance(module, _BatchNorm)]
        self._inplace = [module for module in self._modules if getattr(module, "inplace", False) is True]
        self._snapshot: Snapshot | None = None
        self._lent = False
        self._done: dict[Any, Any] = {}
        self._seconds: dict[str, float] = {}
        self._clock: list[float] = []
        self._stand_ins: list[EffectiveWeight] = []
        if has_effective_weights(self.network):
            with self.borrowed(train=False), torch.no_grad():
                self._stand_ins = effective_weights(self.network)
        if images.is_floating_point() or not self._takes(self.images):
            self.images = self.images.to(self.dtype)
        self.layers: tuple[Layer, ...] = self._find_layers()
        self.operations, self._groups = operations_of(self.network, self.layers)

    def _takes(self, images: Tensor) -> bool:
        """Whether the network has an answer to the first of `images`."""
        try:
            with self.borrowed(train=False, weights=False) as network, torch.no_grad():
                network(images[:1].clone())
        except NEVER_CAUGHT:
            raise
        except Exception:
            return False
        return True

    def _find_layers(self) -> tuple[Layer, ...]:
        if not self._stand_ins and are_known(self.network):
            return find_layers(self.network)
        with self.borrowed(train=False) as network:
            if are_known(network):
                return find_layers(network)
            try:
                maps = find_linear_maps(network, self.images[:1].clone())
            except NEVER_CAUGHT:
                raise
            except Exception:  # the passes that need the network's output will say what is wrong
                return find_layers(network)
            return find_layers(network, maps)

    def run(self, proxies: Sequence[Proxy]) -> Scores:
        """Score the network by all `proxies`, each distinct pass once.

        An error that a proxy or a pass raises costs the proxies that need it alone: their scores are NaN, and
        `unanswered` says why.

        Raises:
            ValueError: when a proxy needs labels and there are none; names the proxy.
            Exception: what the network raises for a single image of the batch in evaluation mode.
        """
        for wanted in proxies:
            if "labels" in wanted.needs and self.labels is None:
                raise ValueError(f"proxy {wanted.name!r} needs labels; pass labels=, or leave it out")
        self.record(frozenset().union(*(wanted.taps for wanted in proxies)))
        scores = Scores(self.operations, seconds=self._seconds)
        with neutral_settings(self.dtype):
            self._snapshot = self._take_snapshot()
            try:
                for wanted in proxies:
                    with self._timed(wanted.name):
                        self._score(wanted, scores)
            finally:
                self._snapshot = None
        return scores

    def _take_snapshot(self) -> Snapshot:
        return Snapshot(self.network, [stand_in.parameter for stand_in in self._stand_ins])

    def _score(self, wanted: Proxy, scores: Scores) -> None:
        try:
            score, nodes = self._value(wanted)
        except NEVER_CAUGHT:
            raise
        except Exception as error:
            if not isinstance(error, NO_ANSWER):
                self._require_answer()
                scores.errors[wanted.name] = error.with_traceback(None)
            scores.unanswered[wanted.name] = reason_of(error)
            score, nodes = float("nan"), np.full(len(self.operations), np.nan) if wanted.per_layer else None
        if nodes is not None:
            scores.nodes[wanted.name] = np.where(np.isfinite(nodes), nodes, np.nan)
        if not np.isfinite(score):
            scores.unanswered.setdefault(wanted.name, f"the score is {score}")
        scores.values[wanted.name] = score if np.isfinite(score) else float("nan")

    def _require_answer(self) -> None:
        """Raise what the network raises for the images in evaluation mode, which is the caller's to put right."""
        with suppress(NoAnswer):
            self.once(logits_of_one_image, timed=False)

    def _value(self, wanted: Proxy) -> tuple[float, NDArray[np.float64] | None]:
        """The score, and for a sum over layers its parts by operation. Raises what the proxy raises."""
        if self.device.type == "meta" and wanted.initialisation != "unused":
            raise NoAnswer("the network is on the meta device, where weights have no values")
        value = wanted(self)
        if not wanted.per_layer:
            return float(value), None
        nodes = sum_over_operations(torch.as_tensor(value), self._groups, len(self.operations)).numpy()
        return float(nodes.sum()), nodes

    def record(self, taps: frozenset[Tap]) -> None:
        """Let the shared pass over the batch record `taps` too; forgets what was run without them."""
        if not taps <= self.taps:
            self.taps |= taps
            self._done.clear()

    def once(self, run: Callable[[Probe], T], *, timed: bool = True) -> T:
        """The result of a pass, a function of the probe, which runs at its first use only.

        Args:
            run: the pass.
            timed: whether its time has a line of its own.

        Raises:
            NoAnswer: at each use, when the pass raised it at the first. So does any other error.
        """
        if run not in self._done:
            with self._timed(getattr(run, "__name__", repr(run))) if timed else nullcontext():
                try:
                    self._done[run] = _Done(run(self))
                except NEVER_CAUGHT:
                    raise
                except NO_ANSWER as reason:
                    self._done[run] = NoAnswer(str(reason))
                except Exception as error:
                    self._done[run] = error
        result = self._done[run]
        if isinstance(result, Exception):
            raise result.with_traceback(None)
        done: T = result.value
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

        While the network is lent already, it only changes to this mode and back, to be looked at.

        Args:
            train: whether batch normalisation uses the batch's statistics (and dropout drops).
            weights: False where the pass changes no parameter in place.
        """
        if self._lent:
            with _in_mode(self._modules, train):
                yield self.network
            return
        snapshot = self._snapshot or self._take_snapshot()
        with neutral_settings(self.dtype), snapshot.lent(weights=weights) as network:
            self._seed_everything()
            for stand_in in self._stand_ins:
                stand_in.install()
            self._lent = True
            if any(module.training is not train for module in self._modules):
                network.train(train)
            for module in self._inplace:
                vars(module)["inplace"] = False
            try:
                yield network
            finally:
                self._lent = False

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
        if self.device.type == "meta":
            return logits
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
        """Standard normal images, [count, *shape]; shape and count of the batch by default.

        Raises:
            NoAnswer: for a network that takes whole numbers.
        """
        if not self.images.is_floating_point():
            raise NoAnswer("noise is not defined for a network that takes whole numbers")
        size = (len(self.images) if count is None else count, *(self.images.shape[1:] if shape is None else shape))
        return torch.randn(size, generator=self.generator(name), dtype=torch.float32).to(self.device, self.dtype)


@contextmanager
def _in_mode(modules: Sequence[nn.Module], train: bool) -> Iterator[None]:
    modes = [(module, module.training) for module in modules]
    for module in modules:
        module.training = train
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode


def logits_of_one_image(probe: Probe) -> Tensor:
    """What the network makes of the first image in evaluation mode: the proof that the two fit.

    Of the whole batch where it takes no single image. Raises what the network raises.
    """
    with probe.borrowed(train=False, weights=False) as network, torch.no_grad():
        try:
            return probe.forward(network, probe.images[:1])
        except NEVER_CAUGHT:
            raise
        except Exception as error:
            try:
                return probe.forward(network, probe.images)[:1]
            except NEVER_CAUGHT:
                raise
            except Exception:
                raise error from None
