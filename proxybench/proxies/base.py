"""A zero-cost proxy: a function of a Probe, plus everything needed to compare its values with those of others."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from torch import Tensor

    from proxybench.proxies.probe import Probe

Need = Literal["images", "labels", "gradients"]
BatchNorm = Literal[
    "unused", "batch statistics", "fixed batch statistics", "statistics of one image", "removed", "as given"
]
Initialisation = Literal["unused", "as given", "torch", "kaiming", "kaiming-fan-out", "xavier", "gaussian"]


class Tap(Enum):
    """What a shared pass, over the batch unless it says otherwise, records because a proxy needs it."""

    WEIGHT_GRADIENTS = "gradient of the loss with respect to each layer's weight"
    HESSIAN_GRADIENTS = "product of the loss's Hessian and gradient, for each layer's weight"
    CHANNEL_PRODUCTS = "each layer's output times its gradient, summed over positions"
    INPUT_GRADIENT = "gradient of the summed logits with respect to the images, or to the embeddings of tokens"
    RECTIFIER_SIGNS = "which inputs of each rectifier are positive"
    RECTIFIER_RESPONSES = "correlations between images of each rectifier's inputs and of the gradients there"
    ACTIVATION_ROWS = "a window of rows of the output of each module with a weight or of an activation"
    BATCH_STATISTICS = "mean and variance of the batch at each batch normalisation"
    CODE_VOLUMES = "of the pass in evaluation mode: how many images the signs of each layer's outputs tell apart"
    HIDDEN_COMPONENTS = "of the pass in evaluation mode: principal components of the inputs of rectifiers of tokens"
    LARGEST_OUTPUTS = "of the pass in evaluation mode: the largest outputs of layers of attention"
    LARGEST_WEIGHTS = "of the pass in evaluation mode: the largest weights of self-attentions"
    NOISE_VARIATION = "of the pass over noise: the variation of each layer's output, and all gradients"


class NoAnswer(Exception):
    """A proxy is undefined for this network and batch; the message says why. The score becomes NaN."""


@dataclass(frozen=True)
class Proxy:
    """A zero-cost proxy. Larger values are better: the sign is fixed when the proxy is defined.

    Attributes:
        name: its name in tables and on leaderboards.
        function: takes a Probe; returns float64[len(probe.layers)] if `per_layer`, otherwise a number. Raises
            NoAnswer if the proxy is undefined.
        source: the publication that defines it.
        formula: the definition in one line.
        needs: what it needs in addition to the network.
        batch_norm: how batch normalisation behaves while it is computed.
        initialisation: "as given", or the initialisation that replaces the network's weights.
        version: incremented when the definition changes; scores of different versions are not compared.
        per_layer: whether the score is the sum of one value per layer.
        sign: -1 if the published quantity is better when smaller and is therefore negated here.
        taps: the records it reads from the shared pass over the batch.
        any_images: whether the value is the same for any images that the network takes, whatever their size.
    """

    name: str
    function: Callable[[Probe], Any]
    source: str
    formula: str
    needs: frozenset[Need]
    batch_norm: BatchNorm
    initialisation: Initialisation
    version: int
    per_layer: bool
    sign: Literal[1, -1]
    taps: frozenset[Tap]
    any_images: bool = False

    def __call__(self, probe: Probe) -> float | Tensor:
        """The value or values for the network of `probe`. Raises NoAnswer if the proxy is undefined."""
        if self.per_layer and not probe.layers:
            raise NoAnswer("the network has no layers to sum over")
        probe.record(self.taps)
        value: float | Tensor = self.function(probe)
        return value

    @property
    def __doc__(self) -> str:  # type: ignore[override]
        return self.function.__doc__ or self.formula


def proxy(
    name: str,
    *,
    source: str,
    formula: str,
    needs: Iterable[Need] = (),
    batch_norm: BatchNorm = "batch statistics",
    initialisation: Initialisation = "as given",
    version: int = 1,
    per_layer: bool = False,
    sign: Literal[1, -1] = 1,
    taps: Iterable[Tap] = (),
    any_images: bool = False,
) -> Callable[[Callable[[Probe], Any]], Proxy]:
    """Declare a function of a Probe as a zero-cost proxy; the arguments are the attributes of Proxy."""

    def declare(function: Callable[[Probe], Any]) -> Proxy:
        return Proxy(
            name=name,
            function=function,
            source=source,
            formula=formula,
            needs=frozenset(needs),
            batch_norm=batch_norm,
            initialisation=initialisation,
            version=version,
            per_layer=per_layer,
            sign=sign,
            taps=frozenset(taps),
            any_images=any_images,
        )

    return declare
