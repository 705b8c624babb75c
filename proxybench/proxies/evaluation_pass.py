"""The forward pass of the batch in evaluation mode, which several proxies observe together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any

import torch
from torch import Tensor

from proxybench.proxies.base import NoAnswer, Tap
from proxybench.proxies.code_volumes import CodeVolumes
from proxybench.proxies.functions import Functions
from proxybench.proxies.hidden_features import HiddenComponents
from proxybench.proxies.image_axis import image_axes, is_clear
from proxybench.proxies.largest_of_heads import LargestOutputs, LargestWeights
from proxybench.proxies.layers import Layer
from proxybench.proxies.observer import Observer, Output
from proxybench.proxies.probe import Probe
from proxybench.proxies.recorder import layer_outputs
from proxybench.proxies.rectifiers import rectifier_inputs
from proxybench.proxies.token_outputs import attention_weights

_OBSERVERS: Mapping[Tap, Callable[[Sequence[Layer], int], Observer]] = {
    Tap.CODE_VOLUMES: CodeVolumes,
    Tap.HIDDEN_COMPONENTS: HiddenComponents,
    Tap.LARGEST_OUTPUTS: LargestOutputs,
    Tap.LARGEST_WEIGHTS: LargestWeights,
}


def evaluation_pass(probe: Probe) -> dict[Tap, Any]:
    """What each observer listed in `probe.taps` has observed, or the NoAnswer that says why that is unknown.

    Normalisation uses the running statistics that the network has.
    """
    layers, images = probe.layers, len(probe.images)
    observers = {tap: make(layers, images) for tap, make in _OBSERVERS.items() if tap in probe.taps}
    calls = [0] * len(layers)

    def applied(position: int, values: Tensor) -> None:
        clear = is_clear(values.shape, images, move_axes=moves.move_axes)
        output = Output(position, calls[position], values, clear)
        calls[position] += 1
        for observer in observers.values():
            observer.safely(partial(observer.output, output))

    def rectified(inputs: Tensor) -> None:
        for observer in observers.values():
            observer.safely(partial(observer.rectifier, inputs))

    def attended(name: str, weights: Tensor) -> None:
        for observer in observers.values():
            observer.safely(partial(observer.attention, name, weights))

    with probe.borrowed(train=False, weights=False) as network, torch.no_grad(), ExitStack() as watching:
        moves = watching.enter_context(Functions())
        outputs = watching.enter_context(layer_outputs(layers, applied))
        if Tap.HIDDEN_COMPONENTS in observers:
            watching.enter_context(rectifier_inputs(rectified, network))
        if Tap.LARGEST_WEIGHTS in observers:
            watching.enter_context(attention_weights(network, attended))
        probe.forward(network, probe.images)
    return {
        tap: observer.finish(lambda: probe.once(image_axes).outputs, outputs) for tap, observer in observers.items()
    }


def observed(probe: Probe, tap: Tap) -> Any:
    """What the observer of that tap has observed in the shared pass in evaluation mode.

    Raises:
        NoAnswer: if that is unknown.
    """
    probe.record(frozenset({tap}))
    found = probe.once(evaluation_pass)[tap]
    if isinstance(found, NoAnswer):
        raise found
    return found
