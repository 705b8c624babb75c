"""NASLib's tuples of integers, in which NAS-Bench-Suite-Zero names architectures, as the texts of our spaces.

Krishnakumar et al., "NAS-Bench-Suite-Zero: Accelerating Research on Zero Cost Proxies", NeurIPS 2022 datasets track.
A tuple is checked for length and range; whether it is an architecture is for the space that parses the text.
Every function raises InvalidArchitecture for a tuple that is not of its form.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from math import isqrt
from typing import Any

from proxybench.errors import InvalidArchitecture

_TUPLE = re.compile(r"[0-9(), ]+", re.ASCII)
_NASBENCH101 = ("input", "output", "maxpool3x3", "conv1x1-bn-relu", "conv3x3-bn-relu")
_NASBENCH201 = ("skip_connect", "none", "nor_conv_3x3", "nor_conv_1x1", "avg_pool_3x3")
_DARTS = (
    "max_pool_3x3",
    "avg_pool_3x3",
    "skip_connect",
    "sep_conv_3x3",
    "sep_conv_5x5",
    "dil_conv_3x3",
    "dil_conv_5x5",
)


def parse_tuple(text: str) -> list[Any]:
    """The nested lists of integers that a printed tuple such as "(1, (2, 3))" represents."""
    if not isinstance(text, str) or len(text) > 2000 or _TUPLE.fullmatch(text) is None:
        raise InvalidArchitecture(f"{str(text)[:80]!r} is not a printed tuple of integers")
    try:
        code = json.loads(text.replace("(", "[").replace(",)", "]").replace(")", "]"))
    except (ValueError, RecursionError) as error:
        raise InvalidArchitecture(f"{text[:80]!r} is not a printed tuple of integers: {error}") from error
    if not isinstance(code, list):
        raise InvalidArchitecture(f"{text[:80]!r} is not a printed tuple of integers")
    return code


def nasbench101_text(code: Sequence[Any]) -> str:
    """V*V adjacency entries in row-major order, then V operation numbers: "0100:input,output"."""
    vertices = (isqrt(4 * len(code) + 1) - 1) // 2
    if vertices < 2 or vertices * (vertices + 1) != len(code):
        raise InvalidArchitecture(f"{len(code)} numbers are not a NAS-Bench-101 tuple, which has V*V + V")
    matrix = _numbers(code[: vertices * vertices], 2)
    ops = _numbers(code[vertices * vertices :], len(_NASBENCH101))
    return "".join(map(str, matrix)) + ":" + ",".join(_NASBENCH101[op] for op in ops)


def nasbench201_text(code: Sequence[Any]) -> str:
    """Six operation numbers; tuple order (0,1) (0,2) (0,3) (1,2) (1,3) (2,3), text order sorted by target."""
    a, b, d, c, e, f = (_NASBENCH201[op] for op in _numbers(code, len(_NASBENCH201), length=6))
    return f"|{a}~0|+|{b}~0|{c}~1|+|{d}~0|{e}~1|{f}~2|"


def transnas_micro_text(code: Sequence[Any]) -> str:
    """Six digits 0 none, 1 skip, 2 conv1x1, 3 conv3x3, already in the order of the published string."""
    a, b, c, d, e, f = _numbers(code, 4, length=6)
    return f"64-41414-{a}_{b}{c}_{d}{e}{f}"


def transnas_macro_text(code: Sequence[Any]) -> str:
    """Four to six module types 1-4; zeros pad a shorter network to six."""
    modules = [module for module in _numbers(code, 5) if module != 0]
    if not 4 <= len(modules) <= 6:
        raise InvalidArchitecture(f"a TransNAS macro network has 4 to 6 modules, not {len(modules)}")
    return f"64-{''.join(map(str, modules))}-basic"


def darts_text(code: Sequence[Any]) -> str:
    """Two cells (normal, reduce) of eight (input, operation number) pairs, two for each of the nodes 2-5."""
    if not isinstance(code, Sequence) or len(code) != 2:
        raise InvalidArchitecture("a DARTS tuple has a normal and a reduction cell")
    normal, reduce = (_darts_cell(cell) for cell in code)
    return f"Genotype(normal={normal}, normal_concat=[2, 3, 4, 5], reduce={reduce}, reduce_concat=[2, 3, 4, 5])"


def _darts_cell(cell: Any) -> list[tuple[str, int]]:
    if not isinstance(cell, Sequence) or len(cell) != 8:
        raise InvalidArchitecture("a cell of a DARTS tuple has 8 pairs")
    pairs = []
    for position, pair in enumerate(cell):
        source, op = _numbers(pair, 7, length=2)
        if source >= 2 + position // 2:
            node = 2 + position // 2
            raise InvalidArchitecture(f"node {node} of a DARTS tuple takes its input from node {source}, not before it")
        pairs.append((_DARTS[op], source))
    return pairs


def _numbers(code: Any, bound: int, length: int | None = None) -> list[int]:
    """The entries of `code` as integers below `bound`; exactly `length` of them, if it is given."""
    if not isinstance(code, Sequence) or (length is not None and len(code) != length):
        raise InvalidArchitecture(f"{str(code)[:80]} is not a sequence of {length} numbers")
    for number in code:
        if type(number) is not int or not 0 <= number < bound:
            raise InvalidArchitecture(f"{str(code)[:80]} contains {str(number)[:20]}, not an integer below {bound}")
    return list(code)


TEXT_OF_TUPLE: dict[str, Callable[[Sequence[Any]], str]] = {
    "nasbench101": nasbench101_text,
    "nasbench201": nasbench201_text,
    "transnas101-micro": transnas_micro_text,
    "transnas101-macro": transnas_macro_text,
    "darts": darts_text,
}
