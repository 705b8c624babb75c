"""Seven layers; no skip where the stride changes the shapes."""

from __future__ import annotations

import pytest

from proxybench.errors import InvalidArchitecture
from proxybench.spaces.mbconv_micro import MBConvMicro

SPACE = MBConvMicro()


def test_there_are_four_options_in_two_layers_and_five_in_the_others() -> None:
    assert len(SPACE) == 4**2 * 5**5


@pytest.mark.parametrize("text", ["4432041", "4132441", "413204", "4132045"])
def test_a_skip_in_a_strided_layer_and_wrong_digits_are_refused(text: str) -> None:
    with pytest.raises(InvalidArchitecture, match="strided layers 1 and 4"):
        SPACE.parse(text)


def test_a_graph_with_a_skip_in_a_strided_layer_is_refused() -> None:
    with pytest.raises(InvalidArchitecture):
        SPACE.to_choices(SPACE.from_choices((0, 4, 0, 0, 0, 0, 0)))
