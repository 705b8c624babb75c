"""FlexiBERT: the graph of an architecture, the published dictionaries, what is refused."""

from __future__ import annotations

import pytest

from proxybench.errors import InvalidArchitecture
from proxybench.spaces.flexibert import FlexiBERT

SPACE = FlexiBERT()
LAYER = {
    "operation_type": "SA",
    "operation_parameter": "WMA",
    "num_operation_heads": 4,
    "feed_forward_dimension": 1024,
    "num_feed_forward": 3,
}
CONVOLUTION = LAYER | {"operation_type": "DSC", "operation_parameter": 9, "num_feed_forward": 1}
TEXT = "c128-wma_h4_f1024x3-conv9_h4_f1024x1"


def published(*layers: dict[str, object], hidden: object = 128) -> dict[str, object]:
    return {"hidden_size": hidden, "nas_config": {"encoder_layers": list(layers)}}


def test_the_space_has_as_many_networks_as_it_says() -> None:
    assert 2 * (48**2 + 48**4) == 10_621_440
    assert "10,621,440 networks" in (FlexiBERT.__doc__ or "")


def test_a_published_dictionary_is_an_architecture() -> None:
    arch = SPACE.parse(published(LAYER, CONVOLUTION))
    assert SPACE.format(arch) == TEXT
    assert SPACE.parse(str(published(LAYER, CONVOLUTION))) == arch
    assert arch.ops == ("input", "wma_h4", "ff1024x3", "conv9_h4", "ff1024x1", "output")
    assert dict(arch.attrs)["channels"] == (0, 128, 128, 128, 128, 0)


@pytest.mark.parametrize(
    "given",
    [
        published(LAYER),
        published(LAYER, LAYER, LAYER),
        published(LAYER, LAYER, hidden=192),
        published(LAYER, LAYER, hidden=128.0),
        published(LAYER, LAYER | {"operation_parameter": "DFT"}),
        published(LAYER, LAYER | {"operation_parameter": 5}),
        published(LAYER, LAYER | {"num_operation_heads": 3}),
        published(LAYER, LAYER | {"feed_forward_dimension": "512"}),
        published(LAYER, LAYER | {"dropout": 0}),
        {"hidden_size": 128, "nas_config": [LAYER, LAYER]},
    ],
    ids=str,
)
def test_others_are_refused(given: object) -> None:
    with pytest.raises(InvalidArchitecture):
        SPACE.parse(given)


def test_neighbours_change_the_width_or_one_choice_of_a_layer() -> None:
    assert len(SPACE.neighbours(SPACE.parse(TEXT))) == 1 + 2 * (5 + 1 + 1 + 1)
