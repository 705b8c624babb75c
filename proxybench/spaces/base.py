"""What every search space can do: parse, format, sample, neighbours, digest, and enumeration if it is finite.

A space is stateless: all its methods are pure functions of their arguments. `parse` accepts the texts and values that
name an architecture of the space and raises InvalidArchitecture for anything else.
"""

from __future__ import annotations

import random
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, ClassVar, Self

from predictors.arch import ArchGraph
from predictors.registry import Registry
from proxybench.errors import InvalidArchitecture
from proxybench.spaces.spelling import Unreadable, read_object, read_text

if TYPE_CHECKING:  # torch
    from proxybench.networks.base import Network

# Named but not imported: a space describes architectures, and the layer above builds networks from them.
_ABOVE = Registry("layer above", {"build": "proxybench.networks:build"})
MAX_TEXT = 10_000  # characters; the longest architecture string of any space has about 700
_BLANKS = re.compile(r"\s+(?=\W)|(?<=\W)\s+")  # between two words or numbers they separate these


class SearchSpace(ABC):
    """A set of architectures with a text form.

    Attributes:
        name: identifier, also `ArchGraph.space`.
        ops: every possible operation label of a node, in the order of one-hot encodings.
        source: where the space was published.
        example: one valid text, shown in error messages.
        reference: what `get_space` finds it by; the name, or "module:Class" for a class of the user.
    """

    name: ClassVar[str]
    ops: ClassVar[tuple[str, ...]]
    source: ClassVar[str]
    example: ClassVar[str]
    reference: str

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        space = super().__new__(cls)
        space.reference = cls.name
        return space

    def parse(self, text: Any) -> ArchGraph:
        """The architecture that `text` names, in the space's own text form or as other tools print or store it.

        In addition to the text (see `example`), variations in whitespace are accepted and, for most spaces, the objects
        that the published code uses or their printed form: a genotype, (matrix, operations), lists of choices.

        Raises:
            InvalidArchitecture: with the reason and a valid example.
        """
        if isinstance(text, ArchGraph):
            return self._parse(self.format(text))
        if not isinstance(text, str):
            return self._parse_object(text)
        if len(text) > MAX_TEXT:
            raise self.invalid(text[:60], f"{len(text)} characters, more than the limit of {MAX_TEXT}")
        text = text.strip()
        try:
            return self._parse(text)
        except InvalidArchitecture:
            respelled = self._respelled(text)
            if respelled is not None:
                return self._parse(respelled)  # its reason says more if it is rejected too
            with suppress(InvalidArchitecture):
                return self._parse(_BLANKS.sub("", text))
            raise

    def _parse_object(self, given: Any) -> ArchGraph:
        try:
            text = self._text_of(read_object(given))
        except Unreadable as reason:
            raise self.invalid(given, f"not a string, but {reason}") from None
        if text is None:
            raise self.invalid(given, "not a string or a value that describes an architecture of this space")
        return self._parse(text)

    def _respelled(self, text: str) -> str | None:
        """The space's own text for a text in another form, or None."""
        try:
            value = read_text(text)
        except Unreadable:
            return None
        return value.strip() if isinstance(value, str) else self._text_of(value)

    @abstractmethod
    def _parse(self, text: str) -> ArchGraph:
        """`parse` for a text in the space's own form, without surrounding whitespace."""

    def _text_of(self, value: Any) -> str | None:
        """The space's own text for a plain value of spelling.py, or None if the form of the value is unknown."""
        return None

    @abstractmethod
    def format(self, arch: ArchGraph) -> str:
        """The text of `arch`: `parse(format(arch)) == arch`. Raises InvalidArchitecture for another space's graph."""

    @abstractmethod
    def sample(self, n: int, seed: int) -> list[ArchGraph]:
        """`n` different architectures, uniform over the space (spaces that are not enumerable document the details)."""

    @abstractmethod
    def neighbours(self, arch: ArchGraph) -> list[ArchGraph]:
        """All different architectures one elementary change away, without `arch`, in a fixed order."""

    def build(
        self,
        arch: ArchGraph,
        num_classes: int | None = None,
        in_shape: tuple[int, int, int] | None = None,
        **options: Any,
    ) -> Network:
        """The torch network of `arch`, with torch's default initialisation.

        Args:
            arch: an architecture of this space.
            num_classes: length of the logits; the space's published value by default, usually 10.
            in_shape: (channels, height, width) of an image; the published shape by default, usually (3, 32, 32).
            options: width and depth of the macro structure, such as channels=16, cells=5 for nasbench201; the space's
                module in proxybench.networks lists them with their published defaults.

        Raises:
            UnknownName: for a space without networks.
            InvalidArchitecture: for another space's graph.
            LibraryMissing: if torch is not installed; the message says how to install it.
        """
        self.require(arch)
        network: Network = _ABOVE["build"](arch, num_classes, in_shape, **options)
        return network

    @property
    def builds_networks(self) -> bool:
        """Whether the class defines `build` itself, as a space of the user must to have networks."""
        return type(self).build is not SearchSpace.build

    def digest(self, arch: ArchGraph) -> str:
        """32 hexadecimal digits, equal for architectures that the space's published simplification treats as the same.

        Without a published simplification, this is the digest of the graph.
        """
        return arch.digest

    def digests(self, archs: Sequence[ArchGraph]) -> list[str]:
        """`digest` of each; some spaces have a faster method for many architectures."""
        return [self.digest(arch) for arch in archs]

    def digests_of_texts(self, texts: Sequence[str]) -> list[str]:
        """`digest` of each architecture, given in the text that `format` writes.

        Raises:
            InvalidArchitecture: for the first text that is not an architecture of this space, or is in another form.
        """
        return self.digests([self._written(text) for text in texts])

    def _written(self, text: str) -> ArchGraph:
        arch = self.parse(text)
        own = self.format(arch)
        if own != text:
            raise InvalidArchitecture(f"{text!r} is not in the form of {self.name}: {own!r}")
        return arch

    def __contains__(self, arch: object) -> bool:
        try:
            return isinstance(arch, ArchGraph) and self.parse(self.format(arch)) == arch
        except InvalidArchitecture:
            return False

    def __repr__(self) -> str:
        return f"<SearchSpace {self.name}>"

    def invalid(self, text: object, reason: str) -> InvalidArchitecture:
        """The error for a text that is not an architecture of this space."""
        shown = repr(text)
        shown = shown if len(shown) <= 120 else shown[:117] + "..."
        return InvalidArchitecture(f"{shown} is not a {self.name} architecture: {reason}. Example: {self.example}")

    def require(self, arch: ArchGraph) -> None:
        """Raise InvalidArchitecture if `arch` belongs to another space."""
        if arch.space != self.name:
            raise self.invalid(f"<graph of {arch.space}>", "it belongs to another space")


class EnumerableSpace(SearchSpace):
    """A finite space in a fixed order: `space[i]`, `len(space)`, iteration, `space.index(arch)`.

    Attributes:
        shuffled: whether the order is as good as random, so that any initial part is a uniform sample, and no two
            architectures share a digest.
    """

    shuffled: ClassVar[bool] = False

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def __getitem__(self, index: int) -> ArchGraph:
        """The architecture at `index` (0 <= index < len). Raises IndexError outside."""

    @abstractmethod
    def index(self, arch: ArchGraph) -> int:
        """The position of `arch`: `space[space.index(arch)]` is the same architecture."""

    def __iter__(self) -> Iterator[ArchGraph]:
        return (self[index] for index in range(len(self)))

    def sample(self, n: int, seed: int) -> list[ArchGraph]:
        """`n` different architectures, uniform over the enumeration. Raises ValueError if n > len(space)."""
        if not 0 <= n <= len(self):
            raise ValueError(f"{self.name} has only {len(self)} architectures; {n} were requested")
        return [self[index] for index in random.Random(seed).sample(range(len(self)), n)]


class ProductSpace(EnumerableSpace):
    """A space of all combinations of independent choices; the last choice varies fastest.

    Subclasses define the choices and the conversion between combinations and graphs.
    """

    @abstractmethod
    def choices(self) -> tuple[int, ...]:
        """The number of options for each position."""

    @abstractmethod
    def from_choices(self, combination: tuple[int, ...]) -> ArchGraph:
        """The architecture of one combination of option indices."""

    @abstractmethod
    def to_choices(self, arch: ArchGraph) -> tuple[int, ...]:
        """The combination of option indices of `arch`. Raises InvalidArchitecture for another space's graph."""

    def __len__(self) -> int:
        size = 1
        for options in self.choices():
            size *= options
        return size

    def __getitem__(self, index: int) -> ArchGraph:
        index = range(len(self))[index]
        combination = []
        for options in reversed(self.choices()):
            index, option = divmod(index, options)
            combination.append(option)
        return self.from_choices(tuple(reversed(combination)))

    def index(self, arch: ArchGraph) -> int:
        position = 0
        for options, option in zip(self.choices(), self.to_choices(arch), strict=True):
            position = position * options + option
        return position

    def neighbours(self, arch: ArchGraph) -> list[ArchGraph]:
        """All architectures with one choice changed."""
        combination = self.to_choices(arch)
        return [
            self.from_choices((*combination[:position], option, *combination[position + 1 :]))
            for position, options in enumerate(self.choices())
            for option in range(options)
            if option != combination[position]
        ]
