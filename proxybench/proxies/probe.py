"""Probe: one network with one batch; each distinct pass runs once for all proxies that need it."""

from __future__ import annotations

import hashlib
import operator
import warnings
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
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
from proxybench.proxies.lending import Lender
from proxybench.proxies.linear_maps import LinearMaps, find_linear_maps
from proxybench.proxies.memory_order import refuses_order
from proxybench.proxies.passes import Passes
from proxybench.proxies.scores import NEVER_CAUGHT, NO_ANSWER, Scores, reason_of
from proxybench.proxies.unwrap import effective_weights, has_effective_weights, unwrap

T = TypeVar("T")
Loss = Callable[[Tensor, Tensor], Tensor]


class Probe:
    """A network, a batch and a seed. The network is restored bit for bit after every pass.

    Args:
        network: any torch module from images to logits. nn.DataParallel and torch.compile are unwrapped, and weights
            computed from other parameters (weight_norm, pruning masks) become plain weights of the same value.
        images: the batch that is passed to the network, float[n, ...] or integers such as tokens.
        labels: int64[n] (or whatever `loss` takes), None if no proxy needs them.
        seed: for every random draw; each proxy has its own generator.
        loss: function of (logits, labels), the mean over the batch; cross-entropy by default.
        taps: what the shared pass over the batch records; `run` derives it from the requested proxies.

    Attributes:
        operations: `network.operations` if these are names of modules that contain all layers, otherwise the names of
            the layers.
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
        self._batch_norms = [module for module in self.network.modules() if isinstance(module, _BatchNorm)]
        self._passes = Passes()
        self._lender = Lender(self.network, self.seed, self.device, self.dtype)
        if has_effective_weights(self.network):
            with self.borrowed(train=False), torch.no_grad():
                self._lender.stand_ins = effective_weights(self.network)
        if images.is_floating_point() or not self._takes(self.images):
            self.images = self.images.to(self.dtype)
        self._layers = self._find_layers()
        self._order = torch.contiguous_format
        maps = self.images.is_floating_point() and self.images.dim() == 4
        if maps and self.device.type == "cpu" and not self._lender.drew:
            self._order = torch.channels_last
            self.images = self.images.contiguous(memory_format=self._order)
        known = self._layers if isinstance(self._layers, tuple) else ()
        self.operations, self._groups = operations_of(self.network, known)

    def _takes(self, images: Tensor) -> bool:
        """Whether the network accepts the first of `images`."""
        try:
            with self.borrowed(train=False, weights=False) as network, torch.no_grad(), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                network(images[:1].clone())
        except NEVER_CAUGHT:
            raise
        except Exception:
            return False
        return True

    @property
    def layers(self) -> tuple[Layer, ...]:
        """Every weight by which the network multiplies its features; see `find_layers`.

        Raises:
            NoAnswer: if they are unknown because the network raises an error while its operations are watched.
            Exception: whatever the network raises for a single image of the batch in evaluation mode.
        """
        if isinstance(self._layers, tuple):
            return self._layers
        self._require_answer()
        raise NoAnswer(
            f"the layers of the network are unknown because it raises an error while it is watched: "
            f"{reason_of(self._layers)}"
        )

    def _find_layers(self) -> tuple[Layer, ...] | Exception:
        """The layers, or the error that the network raises while it is watched."""
        if not self._lender.stand_ins and are_known(self.network):
            return find_layers(self.network)
        with self.borrowed(train=False) as network:
            if are_known(network):
                return find_layers(network)
            try:
                return find_layers(network, self._linear_maps(network))
            except NEVER_CAUGHT:
                raise
            except Exception as error:
                return error.with_traceback(None)

    def _linear_maps(self, network: nn.Module) -> LinearMaps:
        """The linear maps seen for the first image, or for the whole batch if the network rejects single images."""
        try:
            return find_linear_maps(network, self.images[:1].clone())
        except NEVER_CAUGHT:
            raise
        except Exception:
            return find_linear_maps(network, self.images.clone())

    def run(self, proxies: Sequence[Proxy], on_proxy: Callable[[str], None] | None = None) -> Scores:
        """Score the network with all `proxies`, running each distinct pass once.

        An error in a proxy or a pass affects only the proxies that need it: their scores are NaN, and `unanswered`
        says why.

        Args:
            proxies: the proxies to compute.
            on_proxy: progress callback, called with the name of each proxy before it is computed.

        Raises:
            ValueError: if a proxy needs labels and none were given; names the proxy.
            Exception: whatever the network raises for a single image of the batch in evaluation mode.
        """
        for wanted in proxies:
            if "labels" in wanted.needs and self.labels is None:
                raise ValueError(f"proxy {wanted.name!r} needs labels; pass labels=, or leave it out")
        self.record(frozenset().union(*(wanted.taps for wanted in proxies)))
        scores = Scores(self.operations, seconds=self._passes.seconds)
        with self._lender.remembered():
            for wanted in proxies:
                if on_proxy is not None:
                    on_proxy(wanted.name)
                with self._passes.timed(wanted.name):
                    self._score(wanted, scores)
        return scores

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
        """Raise whatever the network raises for the images in evaluation mode, which the caller must fix."""
        with suppress(NoAnswer):
            self.once(logits_of_one_image, timed=False)

    def _value(self, wanted: Proxy) -> tuple[float, NDArray[np.float64] | None]:
        """The score and, for a sum over layers, its parts by operation. Raises whatever the proxy raises."""
        if self.device.type == "meta" and wanted.initialisation != "unused":
            raise NoAnswer("the network is on the meta device, where weights have no values")
        value = self._in_either_order(wanted)
        if not wanted.per_layer:
            return float(value), None
        nodes = sum_over_operations(torch.as_tensor(value), self._groups, len(self.operations)).numpy()
        return float(nodes.sum()), nodes

    def record(self, taps: frozenset[Tap]) -> None:
        """Have the shared pass over the batch record `taps` as well; discards results computed without them."""
        if not taps <= self.taps:
            self.taps |= taps
            self._passes.forget()

    def once(self, run: Callable[[Probe], T], *, timed: bool = True) -> T:
        """The result of a pass (a function of the probe), which runs only at its first use.

        Args:
            run: the pass.
            timed: whether its time is reported separately.

        Raises:
            NoAnswer: at every use, if the pass raised it at the first. Any other error is repeated likewise.
        """

        def start() -> T:
            with self._passes.timed(getattr(run, "__name__", repr(run))) if timed else nullcontext():
                return self._in_either_order(run)

        return self._passes.once(run, start)

    def _in_either_order(self, run: Callable[[Probe], T]) -> T:
        """The result of `run`, with images in the standard order of memory if the network needs it.

        It does if it views its maps in that order, and if it draws random numbers, whose places depend on the order.
        """
        order = self._order
        try:
            result = run(self)
            if order is torch.contiguous_format or not self._lender.drew:
                return result
        except RuntimeError as error:
            if order is torch.contiguous_format or not refuses_order(error):
                raise
        self._order = torch.contiguous_format
        self.images = self.images.contiguous()
        return run(self)

    def generator(self, name: str) -> torch.Generator:
        """A random generator on the CPU that depends only on the seed and `name`."""
        digest = hashlib.blake2b(f"{self.seed} {name}".encode(), digest_size=8).digest()
        return torch.Generator().manual_seed(int.from_bytes(digest, "big") >> 1)

    def borrowed(self, *, train: bool = True, weights: bool = True) -> AbstractContextManager[nn.Module]:
        """The network for one pass, in training mode or not, without in-place activations; restored afterwards.

        If the network is already lent, only its mode is changed and changed back, so that it can be inspected.

        Args:
            train: whether batch normalisation uses the batch's statistics (and dropout is active).
            weights: False if the pass changes no parameter in place.
        """
        return self._lender.borrowed(train=train, weights=weights)

    def forward(self, network: nn.Module, images: Tensor) -> Tensor:
        """Logits [n, classes] of images [n, ...], which stay unchanged even if the network writes into them.

        Raises:
            NoAnswer: if the network normalises over a single value, or if a variance overflows so that batch
                normalisation would return zeros.
            TypeError: if the network does not return a tensor.
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

    def noise(self, name: str, count: int | None = None, shape: Sequence[int] | None = None) -> Tensor:
        """Standard normal images, [count, *shape]; shape and count of the batch by default.

        Raises:
            NoAnswer: for a network that takes integers.
        """
        if not self.images.is_floating_point():
            raise NoAnswer("noise is not defined for a network that takes integers")
        size = (len(self.images) if count is None else count, *(self.images.shape[1:] if shape is None else shape))
        drawn = torch.randn(size, generator=self.generator(name), dtype=torch.float32)
        return drawn.to(self.device, self.dtype).contiguous(memory_format=self._order)


def logits_of_one_image(probe: Probe) -> Tensor:
    """The network's logits for the first image in evaluation mode, which shows that network and images fit.

    Uses the whole batch if the network rejects single images. Raises whatever the network raises.
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
