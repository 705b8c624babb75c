"""The batch for the networks of a space: labelled images, or tokens for networks that read text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proxybench.errors import ProxybenchError
from proxybench.images.batch import Choice, ImageBatch, load_batch
from proxybench.images.tokens import TOKENS, length_of, names_tokens, token_batch
from proxybench.networks.text_inputs import text_input

IMAGES = "noise"


def batch_for(
    space: str,
    source: str | None,
    count: int,
    *,
    network: Mapping[str, Any] | None = None,
    classes: int | None = None,
    resolution: int | None = None,
    seed: int = 0,
    choice: Choice = "stratified",
) -> ImageBatch:
    """A batch that the networks of `space` take.

    Args:
        space: its name.
        source: source of images, or `tokens:LENGTH`; None for noise or, if the networks read text, `tokens`.
        count: number of images or texts.
        network: options of the networks, among them the vocabulary from which tokens are drawn.
        classes: number of logits, which labels of texts stay below; None for the default of the networks.
        resolution: height and width to resize images to.
        seed: of the batch.
        choice: how images are sampled.

    Raises:
        ProxybenchError: if the networks take something else than the source has, or shorter texts.
        UnknownName, DataNotAvailable, CorruptData: as `load_batch`.
    """
    reads = text_input(space, network)
    if reads is None:
        if source is not None and names_tokens(source):
            raise ProxybenchError(f"the networks of {space} take images, not {source}; name a source of images")
        return load_batch(IMAGES if source is None else source, count, resolution=resolution, seed=seed, choice=choice)
    if source is not None and not names_tokens(source):
        raise ProxybenchError(f"the networks of {space} read text, not images of {source}; use {TOKENS}:LENGTH")
    if resolution is not None:
        raise ProxybenchError(f"texts have no resolution; name their length in tokens: {TOKENS}:LENGTH")
    length = length_of(TOKENS if source is None else source)
    if reads.longest is not None and length > reads.longest:
        raise ProxybenchError(
            f"the networks of {space} read at most {reads.longest} tokens, not {length}; shorten the text, or make the "
            f"networks longer with the option length={length}"
        )
    return token_batch(count, length, reads.vocabulary, classes=classes or reads.classes, seed=seed)
