"""Batches of random tokens: their range, labels, and what names them."""

from __future__ import annotations

import numpy as np
import pytest

from proxybench.errors import ProxybenchError, UnknownName
from proxybench.images.batch import read_batch
from proxybench.images.tokens import length_of, token_batch


def test_tokens_are_drawn_uniformly_without_padding() -> None:
    batch = token_batch(400, 20, 5, seed=0)
    assert batch.images.shape == (400, 20)
    assert batch.images.dtype == batch.labels.dtype == np.int64
    values, counts = np.unique(batch.images, return_counts=True)
    assert values.tolist() == [1, 2, 3, 4]
    assert np.abs(counts / 2000 - 1).max() < 0.1  # 2,000 each, with a standard deviation of 39
    assert set(batch.labels.tolist()) == {1, 2, 3, 4}


def test_a_label_is_the_token_after_the_text() -> None:
    shorter, longer = token_batch(6, 8, 100, seed=3), token_batch(6, 9, 100, seed=3)
    assert np.array_equal(longer.images[:, :8], shorter.images)
    assert np.array_equal(longer.images[:, 8], shorter.labels)
    assert shorter.classes is None
    assert shorter.description["labels"] == "the next token"


def test_classes_take_turns() -> None:
    batch = token_batch(5, 8, 100, classes=2)
    assert batch.labels.tolist() == [0, 1, 0, 1, 0]
    assert batch.classes == 2


def test_a_larger_batch_begins_with_a_smaller_one_and_another_seed_is_another_batch() -> None:
    small, large, other = (token_batch(n, 8, 100, seed=seed) for n, seed in ((3, 0), (6, 0), (3, 1)))
    assert np.array_equal(large.images[:3], small.images)
    assert not np.array_equal(other.images, small.images)
    assert small.description["digest"] != other.description["digest"]


def test_bytes_of_a_batch_are_read_back() -> None:
    batch = token_batch(3, 8, 100)
    images, labels = read_batch(batch.to_bytes())
    assert images.dtype == np.int64
    assert np.array_equal(images, batch.images)
    assert np.array_equal(labels, batch.labels)


def test_names_of_sources() -> None:
    assert length_of("tokens") == 64
    assert length_of("tokens:7") == 7
    for text in ("tokens:", "tokens:0", "tokens:-1", "tokens:x", "tokens:1.5"):
        with pytest.raises(ProxybenchError, match="needs a whole number of tokens"):
            length_of(text)
    with pytest.raises(UnknownName, match="tokens"):
        length_of("tokns")
    with pytest.raises(ProxybenchError, match="a vocabulary of at least 2, not 1"):
        token_batch(3, 8, 1)
