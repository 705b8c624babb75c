"""Answers as ranks between 0 and 1."""

from __future__ import annotations

import numpy as np

from proxybench.search.parts.ranked_rewards import RankedRewards


def test_rewards_by_hand() -> None:
    rewards = RankedRewards(10)
    assert rewards.add(7, 90.0) == 0.5
    assert not rewards.outdated
    assert rewards.add(2, 10.0) == 0.5
    assert rewards.outdated
    rewards.renew()
    # Of two different answers, the larger exceeds one and a half, the smaller half an answer.
    assert (rewards.between(2, 3), rewards.between(7, 8), rewards.between(0, 10)) == (0.25, 0.75, 1.0)
    # A new answer is compared with the two: above both, equal to one, between them.
    assert [rewards.add(place, value) for place, value in enumerate((95.0, 90.0))] == [1, 0.75]


def test_renewed_rewards_are_ranks_whatever_the_order_of_answers() -> None:
    random = np.random.default_rng(0)
    values = random.normal(size=50)
    rewards = RankedRewards(50)
    for place in random.permutation(50).tolist():
        rewards.add(place, values[place])
        if rewards.outdated:
            rewards.renew()
    rewards.renew()
    found = [rewards.between(place, place + 1) for place in range(50)]
    np.testing.assert_allclose(found, (values.argsort().argsort() + 0.5) / 50)
