"""The network that the score command scores: an architecture of a space or table, or a module of the user's own."""

from __future__ import annotations

import string
from dataclasses import dataclass
from typing import TYPE_CHECKING

from proxybench.errors import ProxybenchError

if TYPE_CHECKING:
    from torch import nn

    from predictors.arch import ArchGraph
    from proxybench.images.batch import ImageBatch


@dataclass(frozen=True)
class ScoredNetwork:
    """A network and the images or tokens that it is scored on.

    Attributes:
        network: with its initial weights.
        images: the batch.
        seed: of the probe's draws.
        identity: how JSON names it: `space` and `arch`, or `module`.
        space: the search space, if it is an architecture of one.
    """

    network: nn.Module
    images: ImageBatch
    seed: int
    identity: dict[str, str]
    space: str | None = None


def of_space(
    where: str,
    text: str,
    images: str | None,
    batch: int,
    resolution: int | None,
    classes: int | None,
    network: str,
    initialisation: str,
    seed: int,
) -> ScoredNetwork:
    """An architecture's network, with the weights and draws that it has in a sweep.

    Args:
        where: a search space, or a benchmark on this machine.
        text: an architecture of the space; for a benchmark possibly its digest or index.
        images: source of the images or tokens; None for noise or, if the network reads text, `tokens`.
        batch: number of images or texts.
        resolution: height and width to resize the images to.
        classes: number of logits; None for the classes of the images or, for text, the network's default.
        network: options of the space's network, such as "channels=16,cells=5".
        initialisation: name of an initialisation.
        seed: of the sweep.

    Raises:
        UnknownName: for an unknown space or benchmark.
        InvalidArchitecture: if the text is not an architecture of the space.
        ProxybenchError: if the network cannot be built; says why.
    """
    import torch

    from proxybench.grammar import parse_arguments
    from proxybench.networks import build
    from proxybench.networks.initialise import initialise
    from proxybench.spaces import get_space
    from proxybench.sweeps.inputs import batch_for
    from proxybench.sweeps.sweep import seed_of

    graph = _architecture(where, text)
    space = get_space(graph.space)
    own_seed = seed_of(seed, space.digest(graph))
    options = parse_arguments(network)
    data = batch_for(space.name, images, batch, network=options, classes=classes, resolution=resolution, seed=seed)
    logits = data.classes if classes is None else classes
    _, *sizes = data.images.shape
    shape = (sizes[0], sizes[1], sizes[2]) if len(sizes) == 3 else None  # texts have none
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(own_seed)
        try:
            built = build(graph, logits, shape, **options)
        except (TypeError, ValueError) as error:
            raise ProxybenchError(f"the network cannot be built: {error}") from error
    if initialisation != "torch":
        initialise(built, initialisation, own_seed)
    return ScoredNetwork(built, data, own_seed, {"space": space.name, "arch": space.format(graph)}, space.name)


def of_module(module: str, images: ImageBatch, initialisation: str, seed: int) -> ScoredNetwork:
    """A network of the user's own, made with torch's random state at `seed`.

    Args:
        module: "module:name" of a torch module, or of a function or class that makes one; with arguments,
            "module:name(width=64)".
        images: the batch.
        initialisation: name of an initialisation; "torch" leaves the weights as they are made.
        seed: of the weights and of the probe's draws.

    Raises:
        InvalidText: if `module` is not a call.
        InvalidMethod: if the module or name cannot be loaded.
        ProxybenchError: if it cannot be called, or does not make a torch module.
    """
    import torch

    from proxybench.evaluation.entrants import load_object
    from proxybench.grammar import parse_call
    from proxybench.networks.initialise import initialise

    call = parse_call(module)
    if ":" not in call.name:
        raise ProxybenchError(
            f"--module {module!r} lacks a colon; write FILE_WITHOUT_PY:NAME, such as my_models:make_net"
        )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        made = load_object(call.name, "a torch module, or a function or class that makes one")
        torch.manual_seed(seed)  # importing the file may have drawn numbers
        if not isinstance(made, torch.nn.Module):
            try:
                made = made(**call.arguments)
            except Exception as error:  # the user's code may fail in any way
                raise ProxybenchError(f"{module} cannot be called: {type(error).__name__}: {error}") from error
    if not isinstance(made, torch.nn.Module):
        raise ProxybenchError(f"{module} makes {type(made).__name__} instead of a torch.nn.Module")
    if initialisation != "torch":
        initialise(made, initialisation, seed)
    return ScoredNetwork(made, images, seed, {"module": module})


def images_of_shape(text: str, shape: str, count: int, classes: int | None, seed: int) -> ImageBatch:
    """A batch with images of the shape that a module takes.

    Args:
        text: source of the images.
        shape: "channels,height,width".
        count: number of images.
        classes: number of classes of noise images, 10 by default.
        seed: of the images.

    Raises:
        ProxybenchError: if the shape is not three positive integers, or the source has images of another shape.
    """
    from proxybench.images.batch import batch_of, load_batch
    from proxybench.images.sources import noise

    sizes = _sizes(shape)
    if text == "noise":
        return batch_of(noise(sizes, classes or 10), count, seed=seed)
    if sizes[1] != sizes[2]:
        raise ProxybenchError(f"--input {shape}: only noise images can have a height that differs from their width")
    batch = load_batch(text, count, resolution=sizes[1], seed=seed)
    if batch.images.shape[1] != sizes[0]:
        found = batch.images.shape[1]
        raise ProxybenchError(f"--input {shape}: images of {text} have {found} channels instead of {sizes[0]}")
    return batch


def _sizes(shape: str) -> tuple[int, int, int]:
    parts = [part.strip() for part in shape.split(",")]
    if len(parts) != 3 or not all(part.isascii() and part.isdigit() and int(part) for part in parts):
        raise ProxybenchError(f"--input {shape!r} is not CHANNELS,HEIGHT,WIDTH, such as 3,32,32")
    channels, height, width = map(int, parts)
    return channels, height, width


def _architecture(where: str, text: str) -> ArchGraph:
    """The architecture of a space or, if `where` is a benchmark, possibly by digest or index in its table."""
    from proxybench.errors import InvalidArchitecture, unknown_name
    from proxybench.spaces import SPACES, get_space
    from proxybench.tables.sources.registry import load_registry

    benchmarks = load_registry().benchmarks
    if where not in SPACES and where not in benchmarks:
        raise unknown_name("search space or benchmark", where, sorted({*SPACES, *benchmarks}))
    try:
        return get_space(where if where in SPACES else benchmarks[where].space).parse(text)
    except InvalidArchitecture:
        if where not in benchmarks or not set(text) <= set(string.hexdigits):
            raise
    from proxybench.tables.benchmark import load
    from proxybench.tables.lookup import row_of_text

    bench = load(where)
    return bench.arch(row_of_text(bench, text))
