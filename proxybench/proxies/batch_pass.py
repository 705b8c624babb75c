"""The pass that most proxies share: the batch forwards with its own statistics, then the gradients asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.utils.hooks import RemovableHandle

from proxybench.proxies.base import NoAnswer, Tap
from proxybench.proxies.layers import Layer, as_real
from proxybench.proxies.probe import Probe, reason_of
from proxybench.proxies.recorder import layer_outputs, rectifier_inputs

T = TypeVar("T")
_LOSS_TAPS = {Tap.WEIGHT_GRADIENTS, Tap.HESSIAN_GRADIENTS, Tap.CHANNEL_PRODUCTS}


class BatchPass:
    """What one forward pass and the backward passes over its graph gave. Lists have one entry for each layer.

    Each property is there when its tap was asked for; reading it raises NoAnswer where it has no value.

    Attributes:
        logits: of the images, [n, classes].
    """

    def __init__(self, logits: Tensor) -> None:
        self.logits = logits
        self._found: dict[Tap, Any] = {}

    def keep(self, tap: Tap, found: Any) -> None:
        """Keep what was found, or the NoAnswer in its place."""
        self._found[tap] = found

    def _read(self, tap: Tap) -> Any:
        found = self._found[tap]
        if isinstance(found, NoAnswer):
            raise found
        return found

    @property
    def weight_gradients(self) -> list[Tensor]:
        """Derivatives of the loss by each weight; zero where no path leads from the weight to the loss."""
        found: list[Tensor] = self._read(Tap.WEIGHT_GRADIENTS)
        return found

    @property
    def hessian_gradients(self) -> list[Tensor]:
        """H g with g = d loss / d weight over all layers, in the shape of each weight."""
        found: list[Tensor] = self._read(Tap.HESSIAN_GRADIENTS)
        return found

    @property
    def channel_products(self) -> list[Tensor | None]:
        """Output times its gradient of the loss, summed over positions, [n, channels].

        None for a layer that was not called or does not reach the loss.
        """
        found: list[Tensor | None] = self._read(Tap.CHANNEL_PRODUCTS)
        return found

    @property
    def input_gradient(self) -> Tensor:
        """Derivative of the summed logits by the images, in their shape."""
        found: Tensor = self._read(Tap.INPUT_GRADIENT)
        return found

    @property
    def rectifier_signs(self) -> list[Tensor]:
        """For each rectifier evaluated, in order, whether its inputs are positive, bool[n, neurons]."""
        found: list[Tensor] = self._read(Tap.RECTIFIER_SIGNS)
        return found


class ChannelProducts:
    """Output times gradient of the loss, summed over positions, for every layer that is watched.

    Args:
        layers: of the network.
        images: number of images in the batch.
    """

    def __init__(self, layers: Sequence[Layer], images: int) -> None:
        self._channels_last = [layer.weight.dim() == 2 for layer in layers]
        self._found: list[Tensor | None] = [None] * len(layers)
        self._handles: list[RemovableHandle] = []
        self._images = images
        self._failure: NoAnswer | None = None

    def watch(self, position: int, output: Tensor) -> None:
        """Wait for the gradient of the output of layer `position`."""
        if not output.requires_grad:
            return
        values, version = output.detach(), output._version

        def arrived(gradient: Tensor) -> None:
            if values._version != version:
                self._failure = NoAnswer("the output of a layer was overwritten in place")
                return
            product = values * gradient.detach()
            if not self._channels_last[position]:
                product = product.movedim(1, -1)
            try:
                summed = images_first(product, self._images).flatten(1, -2).sum(1)
            except NoAnswer as failure:
                self._failure = failure
                return
            before = self._found[position]
            self._found[position] = summed if before is None else before + summed

        handle: RemovableHandle = output.register_hook(arrived)  # type: ignore[no-untyped-call]
        self._handles.append(handle)

    def finish(self) -> list[Tensor | None] | NoAnswer:
        """Stop watching; [n, channels] for each layer, None where no gradient arrived."""
        for handle in self._handles:
            handle.remove()
        return self._found if self._failure is None else self._failure


def images_first(values: Tensor, images: int) -> Tensor:
    """Values of `images` images, [n, ..., c] or [tokens, n, c] or [n windows, ..., c], as [n, ..., c].

    Raises:
        NoAnswer: for any other shape.
    """
    if values.dim() == 3 and values.shape[0] != images == values.shape[1]:
        return values.transpose(0, 1)
    if values.dim() and values.shape[0] % images == 0:
        return values.reshape(images, -1, *values.shape[1:])
    raise NoAnswer(f"a layer's output of shape {tuple(values.shape)} does not say what belongs to which image")


def batch_pass(probe: Probe) -> BatchPass:
    """Forward the batch in training mode, then take the gradients that `probe.taps` name.

    In units of one forward and backward pass: 1 for the loss, about 1/3 more for the input gradient, about 3 more
    for the Hessian products, which are exact, by differentiating the backward pass.

    Raises:
        NoAnswer: where batch normalisation would see a single value per channel.
    """
    taps = probe.taps
    if taps & _LOSS_TAPS and probe.labels is None:
        raise ValueError("the gradient of the loss needs labels; pass labels= to the Probe")
    products = ChannelProducts(probe.layers, len(probe.images))
    signs: list[Tensor] = []
    images = probe.images.detach().clone()
    images.requires_grad_(Tap.INPUT_GRADIENT in taps and images.is_floating_point())
    with probe.borrowed(weights=False) as network, ExitStack() as recording:
        for layer in probe.layers:
            layer.weight.requires_grad_(bool(taps & _LOSS_TAPS))
        if Tap.CHANNEL_PRODUCTS in taps:
            recording.enter_context(layer_outputs(probe.layers, products.watch))
        if Tap.RECTIFIER_SIGNS in taps:
            recording.enter_context(rectifier_inputs(lambda inputs: signs.append(inputs.detach() > 0)))
        logits = probe.forward(network, images)
        recording.close()
        found = BatchPass(logits.detach())
        found.keep(Tap.RECTIFIER_SIGNS, _attempt(lambda: [images_first(one, len(images)).flatten(1) for one in signs]))
        if taps & _LOSS_TAPS:
            _take_loss_gradients(probe, logits, products, found)
        if Tap.INPUT_GRADIENT in taps:
            found.keep(Tap.INPUT_GRADIENT, _attempt(lambda: _input_gradient(logits, images)))
    return found


def _attempt(work: Callable[[], T], what: str = "") -> T | NoAnswer:
    """The result of `work`, or in its place the reason why there is none, so that other taps keep theirs."""
    try:
        return work()
    except NoAnswer as failure:
        return failure
    except MemoryError:
        raise
    except Exception as error:
        return NoAnswer(f"{what}{reason_of(error)}")


def _input_gradient(logits: Tensor, images: Tensor) -> Tensor:
    if not images.requires_grad:
        raise NoAnswer("images of whole numbers have no gradient")
    return gradients(logits.sum(), [images])[0]


def _take_loss_gradients(probe: Probe, logits: Tensor, products: ChannelProducts, found: BatchPass) -> None:
    taps, weights = probe.taps, [layer.weight for layer in probe.layers]
    second, keep = Tap.HESSIAN_GRADIENTS in taps, Tap.INPUT_GRADIENT in taps

    def first_gradients() -> list[Tensor]:
        assert probe.labels is not None
        loss = probe.loss(logits, probe.labels)
        return gradients(loss, weights, create_graph=second, keep=second or keep)

    first = _attempt(first_gradients)
    if isinstance(first, NoAnswer):
        for tap in _LOSS_TAPS:
            found.keep(tap, first)
        return
    found.keep(Tap.WEIGHT_GRADIENTS, [as_real(gradient.detach()) for gradient in first])
    found.keep(Tap.CHANNEL_PRODUCTS, products.finish())
    if second:
        twice = "the network cannot be differentiated twice: "
        found.keep(Tap.HESSIAN_GRADIENTS, _attempt(lambda: _hessian_gradients(first, weights, keep=keep), twice))


def _hessian_gradients(first: list[Tensor], weights: list[Any], keep: bool) -> list[Tensor]:
    if not any(gradient.requires_grad for gradient in first):
        return [torch.zeros_like(as_real(weight.detach())) for weight in weights]
    norm = torch.stack([(as_real(gradient) * as_real(gradient.detach())).sum() for gradient in first]).sum()
    return [as_real(gradient) for gradient in gradients(norm, weights, keep=keep)]


def gradients(of: Tensor, inputs: Sequence[Tensor], *, create_graph: bool = False, keep: bool = False) -> list[Tensor]:
    """The gradient of `of` with respect to each of `inputs`, zero where no path leads from this one to `of`.

    Args:
        of: a scalar.
        inputs: tensors of any shapes.
        create_graph: whether the gradients can be differentiated again.
        keep: whether the graph is used once more.

    Raises:
        NoAnswer: when no path leads from anything to `of`, as when the network switches gradients off.
    """
    if not inputs:
        return []
    if not of.requires_grad:
        raise NoAnswer("nothing that could be differentiated reaches the output")
    found = torch.autograd.grad(
        of, list(inputs), create_graph=create_graph, retain_graph=keep or create_graph, allow_unused=True
    )
    return [
        torch.zeros_like(tensor) if gradient is None else gradient
        for tensor, gradient in zip(inputs, found, strict=True)
    ]
