"""`check_space`: checks that a user's own search space keeps its contract."""

from __future__ import annotations

import re
from typing import Any

from predictors.arch import ArchGraph
from predictors.checks import ContractBroken
from proxybench.errors import InvalidArchitecture
from proxybench.spaces import get_space
from proxybench.spaces.base import EnumerableSpace, SearchSpace

_DIGEST = re.compile(r"[0-9a-f]{32}")
_NONSENSE = ("", "?", "{", "0" * 64, "nasbench")


def check_space(space: Any, n: int = 20, *, build: bool | None = None, seed: int = 0) -> None:
    """Check that a search space keeps its contract.

    Texts and architectures must convert into each other, digests must be 32 hexadecimal digits that depend on the
    architecture alone, samples must be distinct and depend on the seed alone, and neighbours must be other
    architectures of the space. If the space builds networks, one of them must map a batch of images to logits.

    Args:
        space: a space, its class, or what `--space` accepts: a name or "module:Class".
        n: number of architectures to draw.
        build: whether to build a network; by default if the class defines `build`. Needs torch.
        seed: seed of the draws.

    Raises:
        ContractBroken: if the contract is violated; names the first violation.
        InvalidSpace: if the space cannot be loaded.
    """
    checked = get_space(space) if isinstance(space, str) else space() if isinstance(space, type) else space
    _require(isinstance(checked, SearchSpace), "is not derived from proxybench.spaces.SearchSpace")
    _check_identity(checked)
    archs = _check_samples(checked, n, seed)
    for arch in archs:
        _check_text(checked, arch)
        _check_neighbours(checked, arch)
    _check_nonsense(checked)
    if isinstance(checked, EnumerableSpace):
        _check_enumeration(checked, archs)
    if build or (build is None and checked.builds_networks):
        _check_network(checked, archs[0])


def _check_identity(space: SearchSpace) -> None:
    for attribute in ("name", "source", "example"):
        _require(isinstance(getattr(space, attribute, None), str), f"has no text as its attribute {attribute!r}")
    example = space.parse(space.example)
    _require(space.format(example) == space.example, "writes its example in another form")
    _require(example.space == space.name, f"gives graphs of a space called {example.space!r}, not {space.name!r}")


def _check_samples(space: SearchSpace, n: int, seed: int) -> list[ArchGraph]:
    archs = space.sample(n, seed)
    _require(len(archs) == n, f"gives {len(archs)} samples instead of {n}")
    _require(len(set(archs)) == n, "repeats an architecture in a sample")
    _require(space.sample(n, seed) == archs, "gives another sample for the same seed")
    return archs


def _check_text(space: SearchSpace, arch: ArchGraph) -> None:
    text = space.format(arch)
    _require(space.parse(text) == arch, f"does not parse its own text {text!r} as the same architecture")
    digest = space.digest(arch)
    _require(
        isinstance(digest, str) and bool(_DIGEST.fullmatch(digest)),
        f"has {digest!r} as a digest, not 32 hexadecimal digits",
    )
    _require(space.digest(space.parse(text)) == digest, f"gives {text!r} another digest the second time")
    unknown = sorted(set(arch.ops) - set(space.ops))
    _require(not unknown, f"has operations that its attribute 'ops' lacks: {', '.join(unknown)}")


def _check_neighbours(space: SearchSpace, arch: ArchGraph) -> None:
    near = space.neighbours(arch)
    _require(arch not in near, "lists an architecture among its own neighbours")
    _require(len(set(near)) == len(near), "repeats a neighbour")
    _require(space.neighbours(arch) == near, "lists neighbours in another order the second time")
    _require(all(other in space for other in near[:5]), "has neighbours that are not architectures of the space")


def _check_nonsense(space: SearchSpace) -> None:
    for text in _NONSENSE:
        try:
            arch = space.parse(text)
        except InvalidArchitecture:
            continue
        except Exception as error:
            raise _broken(f"raises {type(error).__name__} for the text {text!r}, not InvalidArchitecture") from error
        _require(arch in space, f"parses {text!r} as an architecture that is not in the space")


def _check_enumeration(space: EnumerableSpace, archs: list[ArchGraph]) -> None:
    for arch in archs:
        place = space.index(arch)
        _require(0 <= place < len(space) and space[place] == arch, "does not find an architecture at its own index")


def _check_network(space: SearchSpace, arch: ArchGraph) -> None:
    import torch

    shape = (3, 16, 16)
    network: Any = space.build(arch, 10, shape)
    _require(isinstance(network, torch.nn.Module), "builds something that is not a torch module")
    with torch.no_grad():
        logits = network.eval()(torch.zeros(2, *shape))
    found = tuple(getattr(logits, "shape", ()))
    _require(
        found == (2, 10), f"builds a network whose output for 2 images and 10 classes has shape {found}, not (2, 10)"
    )


def _require(kept: bool, violation: str) -> None:
    if not kept:
        raise _broken(violation)


def _broken(violation: str) -> ContractBroken:
    return ContractBroken(f"the search space {violation}")
