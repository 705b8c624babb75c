"""Measures of samples, by hand."""

from __future__ import annotations

import pytest
import torch

from proxybench.generation.measures import expected_unique, quality, total_variation
from proxybench.generation.sampling import Samples
from proxybench.spaces import get_space


def test_uniform_draws_repeat() -> None:
    """Two draws of two: different half of the time. 1,000 of 15,625 cells: 96.87 % differ."""
    assert expected_unique(2, 2) == pytest.approx(0.75)
    assert expected_unique(1, 15_625) == pytest.approx(1.0)
    assert expected_unique(1000, 15_625) == pytest.approx(0.9687, abs=5e-5)


def test_total_variation() -> None:
    assert total_variation("aabb", "aaab") == pytest.approx(0.25)
    assert total_variation("ab", "cd") == 1.0
    assert total_variation("", "a") == 1.0


def test_quality_by_hand() -> None:
    """Five samples: one invalid, one twice, two cells that compute the same (a path of zeros), two trained on."""
    space = get_space("nasbench201")
    one = space.parse("|nor_conv_3x3~0|+|none~0|none~1|+|nor_conv_1x1~0|none~1|none~2|")
    alike = space.parse("|nor_conv_1x1~0|+|none~0|none~1|+|nor_conv_1x1~0|none~1|none~2|")
    other = space.parse("|skip_connect~0|+|none~0|none~1|+|none~0|skip_connect~1|none~2|")
    found = quality(Samples([one, one, alike, None, other], torch.empty(0), 0.5), space, [one, alike])
    assert (found.samples, found.validity, found.ms) == (5, 0.8, 100.0)
    assert (found.uniqueness, found.distinct, found.novelty) == (0.75, 0.5, 0.25)
    assert found.in_degrees == found.out_degrees == found.edges == 0.0
    # Of 32 nodes 4 are 1x1 and 2 skip_connect; of those trained on 3 in 16 and none; the others have equal shares.
    assert found.operations == pytest.approx((2 / 32 + 2 / 32) / 2)
