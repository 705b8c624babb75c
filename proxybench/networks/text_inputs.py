"""Which spaces have networks that read text, and the tokens that these networks take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from inspect import signature
from typing import Any

from proxybench.networks import NETWORKS


@dataclass(frozen=True)
class TextInput:
    """What the networks of a space read.

    Attributes:
        vocabulary: number of different tokens; 0 is padding in networks that have padding.
        longest: the largest number of tokens in a text; None if it is not limited.
        classes: length of the logits; None if these are the logits of the next token.
    """

    vocabulary: int
    longest: int | None
    classes: int | None


def text_input(space: str, options: Mapping[str, Any] | None = None) -> TextInput | None:
    """What the networks of a space read with these options; None if they take images.

    Args:
        space: its name; a space of the user's own, "module:Class", counts as one for images.
        options: of the networks, such as {"vocabulary": 1000}.
    """
    if space not in NETWORKS:
        return None
    parameters = signature(NETWORKS[space]).parameters
    if "vocabulary" not in parameters:
        return None
    given = options or {}
    longest = parameters["length"].default if "length" in parameters else None
    return TextInput(
        vocabulary=given.get("vocabulary", parameters["vocabulary"].default),
        longest=given.get("length", longest),
        classes=parameters["num_classes"].default,
    )
