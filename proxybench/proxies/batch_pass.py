"""The pass that most proxies share: the batch forward with its own statistics, then the requested gradients."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from contextlib import ExitStack, contextmanager, nullcontext
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from proxybench.proxies.activation_rows import activation_rows
from proxybench.proxies.base import NoAnswer, Tap
from proxybench.proxies.batch_norm import RunningStatistics
from proxybench.proxies.channel_products import ChannelProducts
from proxybench.proxies.embeddings import embedded
from proxybench.proxies.functions import overwrites
from proxybench.proxies.image_axis import SeenTensors, image_axes
from proxybench.proxies.layers import Layer, as_real
from proxybench.proxies.memory_order import as_rows
from proxybench.proxies.probe import Probe
from proxybench.proxies.recorder import layer_outputs
from proxybench.proxies.rectifiers import rectifier_inputs
from proxybench.proxies.responses import Responses
from proxybench.proxies.scores import attempt
from proxybench.proxies.second_derivatives import FastSecondDerivatives

_LOSS_TAPS = {Tap.WEIGHT_GRADIENTS, Tap.HESSIAN_GRADIENTS, Tap.CHANNEL_PRODUCTS, Tap.RECTIFIER_RESPONSES}


class BatchPass:
    """Results of one forward pass and the backward passes over its graph. Lists have one entry per layer.

    Each property is available if its tap was requested; reading it raises NoAnswer if it has no value.

    Attributes:
        logits: of the images, [n, classes].
    """

    def __init__(self, logits: Tensor) -> None:
        self.logits = logits
        self._found: dict[Tap, Any] = {}

    def keep(self, tap: Tap, found: Any) -> None:
        """Store the result, or a NoAnswer in its place."""
        self._found[tap] = found

    def _read(self, tap: Tap) -> Any:
        found = self._found[tap]
        if isinstance(found, NoAnswer):
            raise found
        return found

    @property
    def weight_gradients(self) -> list[Tensor]:
        """Derivatives of the loss with respect to each weight; zero if no path leads from the weight to the loss."""
        found: list[Tensor] = self._read(Tap.WEIGHT_GRADIENTS)
        return found

    @property
    def hessian_gradients(self) -> list[Tensor]:
        """H g with g = d loss / d weight over all layers, in the shape of each weight."""
        found: list[Tensor] = self._read(Tap.HESSIAN_GRADIENTS)
        return found

    @property
    def channel_products(self) -> list[Tensor | None]:
        """Output times the gradient of the loss with respect to it, summed over positions, [n, channels].

        None for a layer that was not called or does not reach the loss.
        """
        found: list[Tensor | None] = self._read(Tap.CHANNEL_PRODUCTS)
        return found

    @property
    def input_gradient(self) -> Tensor:
        """Derivative of the summed logits with respect to the images, in their shape.

        For integers, with respect to the outputs of the embeddings that look them up, [n, ..., channels].
        """
        found: Tensor = self._read(Tap.INPUT_GRADIENT)
        return found

    @property
    def rectifier_signs(self) -> list[Tensor]:
        """For each rectifier evaluated, in order, whether its inputs are positive, bool[n, neurons]."""
        found: list[Tensor] = self._read(Tap.RECTIFIER_SIGNS)
        return found

    @property
    def rectifier_responses(self) -> Tensor:
        """The sum over rectifiers of weighted |correlations| between images, float64[n, n]; see `Responses`."""
        found: Tensor = self._read(Tap.RECTIFIER_RESPONSES)
        return found

    @property
    def statistics(self) -> RunningStatistics:
        """The statistics of the batch at each batch normalisation."""
        found: RunningStatistics = self._read(Tap.BATCH_STATISTICS)
        return found

    @property
    def activation_rows(self) -> dict[str, Tensor]:
        """By name of a module with a weight or of an activation, some rows of its output, [rows, channels]."""
        found: dict[str, Tensor] = self._read(Tap.ACTIVATION_ROWS)
        return found


def batch_pass(probe: Probe) -> BatchPass:
    """Run the batch forward in training mode, then take the gradients listed in `probe.taps`.

    Cost in units of one forward and backward pass: 1 for the loss, about 1/3 more for the input gradient, about 2 more
    for the Hessian products, which are exact (the backward pass is differentiated).

    Raises:
        NoAnswer: if batch normalisation would see a single value per channel.
    """
    taps = probe.taps
    if taps & _LOSS_TAPS and probe.labels is None:
        raise ValueError("the gradient of the loss needs labels; pass labels= to the Probe")
    layers, unknown = _layers(probe)
    if unknown is not None:
        taps -= _LOSS_TAPS
    products = ChannelProducts(layers, len(probe.images))
    signs = SeenTensors(len(probe.images))
    responses = Responses(probe.network, layers, len(probe.images))
    images = probe.images.detach().clone()
    images.requires_grad_(Tap.INPUT_GRADIENT in taps and images.is_floating_point())
    with probe.borrowed(weights=False) as network, ExitStack() as recording:
        for layer in layers:
            layer.weight.requires_grad_(bool(taps & _LOSS_TAPS))
        second = FastSecondDerivatives()
        if Tap.HESSIAN_GRADIENTS in taps:
            recording.enter_context(second)
        if Tap.BATCH_STATISTICS in taps:
            statistics = RunningStatistics(
                network, momentum=1.0, like=torch.zeros(0, dtype=probe.dtype, device=probe.device)
            )
            recording.enter_context(statistics.tracked())
        outputs = None
        if Tap.CHANNEL_PRODUCTS in taps:
            moves = recording.enter_context(overwrites(products.before_overwrite))
            outputs = recording.enter_context(layer_outputs(layers, partial(products.watch, moves=moves)))
        if taps & {Tap.RECTIFIER_SIGNS, Tap.RECTIFIER_RESPONSES}:
            recording.enter_context(_watched_rectifiers(network, taps, signs, responses))
        if Tap.ACTIVATION_ROWS in taps:
            rows = recording.enter_context(activation_rows(network, probe.generator("activation rows")))
        inputs = [images]
        if Tap.INPUT_GRADIENT in taps and not images.is_floating_point():
            inputs = recording.enter_context(embedded(network, images))
        logits = probe.forward(network, images)
        recording.close()
        found = BatchPass(logits.detach())
        for tap in _LOSS_TAPS if unknown is not None else ():
            found.keep(tap, unknown)
        if Tap.BATCH_STATISTICS in taps:
            found.keep(Tap.BATCH_STATISTICS, statistics)
        found.keep(Tap.RECTIFIER_SIGNS, attempt(lambda: _signs_by_image(probe, signs)))
        if Tap.ACTIVATION_ROWS in taps:
            found.keep(Tap.ACTIVATION_ROWS, rows)
        if outputs is not None:
            products.find_axes(lambda position: probe.once(image_axes).outputs[position], outputs)
            products.require_all(logits)
        responses.find_axes(lambda: probe.once(image_axes).rectifiers)
        if taps & _LOSS_TAPS:
            _take_loss_gradients(probe, logits, products, responses, found)
        if Tap.INPUT_GRADIENT in taps:
            with second.without_weights():
                found.keep(Tap.INPUT_GRADIENT, attempt(lambda: _input_gradient(logits, inputs)))
    return found


def _layers(probe: Probe) -> tuple[tuple[Layer, ...], NoAnswer | None]:
    """The layers; or none, with the reason, if they are unknown, so that whatever needs no layers is still computed."""
    try:
        return probe.layers, None
    except NoAnswer as unknown:
        return (), unknown


def _signs_by_image(probe: Probe, signs: SeenTensors) -> list[Tensor]:
    """Signs as bool[n, neurons]; the order of the neurons is that of memory."""
    return [as_rows(one) for one in signs.by_image(lambda: probe.once(image_axes).rectifiers)]


def _input_gradient(logits: Tensor, inputs: Sequence[Tensor]) -> Tensor:
    if not inputs:
        raise NoAnswer("integers have no gradient, and no module of the network embeds them")
    found = gradients(logits.sum(), inputs)
    return found[0] if len(found) == 1 else torch.cat(found, -1)


@contextmanager
def _watched_rectifiers(network: nn.Module, taps: Set[Tap], signs: SeenTensors, responses: Responses) -> Iterator[None]:
    """Record what the taps want of the rectifiers in a forward pass inside."""
    responding = Tap.RECTIFIER_RESPONSES in taps

    def seen(inputs: Tensor) -> None:
        if Tap.RECTIFIER_SIGNS in taps:
            signs.add(inputs.detach() > 0, watch)
        if responding:
            responses.entered(inputs, watch)

    def rectified(inputs: Tensor, output: Tensor) -> None:
        if responding:
            responses.left(output)

    counted = responses.blocks_counted() if responding else nullcontext()
    with counted, rectifier_inputs(seen, network, rectified=rectified) as watch:
        yield


def _take_loss_gradients(
    probe: Probe, logits: Tensor, products: ChannelProducts, responses: Responses, found: BatchPass
) -> None:
    taps, weights = probe.taps, [layer.weight for layer in probe.layers]
    second, keep = Tap.HESSIAN_GRADIENTS in taps, Tap.INPUT_GRADIENT in taps

    def first_gradients() -> list[Tensor]:
        assert probe.labels is not None
        loss = probe.loss(logits, probe.labels)
        return gradients(loss, weights, create_graph=second, keep=second or keep)

    first = attempt(first_gradients)
    if isinstance(first, NoAnswer):
        for tap in _LOSS_TAPS:
            found.keep(tap, first)
        return
    found.keep(Tap.WEIGHT_GRADIENTS, [as_real(gradient.detach()) for gradient in first])
    found.keep(Tap.CHANNEL_PRODUCTS, products.finish())
    found.keep(Tap.RECTIFIER_RESPONSES, responses.finish())
    if second:
        twice = "the network cannot be differentiated twice: "
        found.keep(Tap.HESSIAN_GRADIENTS, attempt(lambda: _hessian_gradients(first, weights, keep=keep), twice))


def _hessian_gradients(first: list[Tensor], weights: list[Any], keep: bool) -> list[Tensor]:
    if not any(gradient.requires_grad for gradient in first):
        return [torch.zeros_like(as_real(weight.detach())) for weight in weights]
    norm = torch.stack([(as_real(gradient) * as_real(gradient.detach())).sum() for gradient in first]).sum()
    return [as_real(gradient) for gradient in gradients(norm, weights, keep=keep)]


def gradients(of: Tensor, inputs: Sequence[Tensor], *, create_graph: bool = False, keep: bool = False) -> list[Tensor]:
    """The gradient of `of` with respect to each of `inputs`; zero if no path leads from that input to `of`.

    Args:
        of: a scalar.
        inputs: tensors of any shapes.
        create_graph: whether the gradients can be differentiated again.
        keep: whether to keep the graph for another use.

    Raises:
        NoAnswer: if no path leads from any tensor to `of`, for example because the network switches gradients off.
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
