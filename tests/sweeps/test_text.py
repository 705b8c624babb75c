"""Sweeps of networks that read text: tokens, labels, lengths, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="the extra nas-proxybench[torch] is not installed")

import torch

import proxybench as pb
from proxybench.errors import ProxybenchError
from proxybench.networks.text_inputs import TextInput, text_input
from proxybench.proxies.probe import Probe
from proxybench.spaces import get_space
from proxybench.sweeps.inputs import batch_for
from proxybench.sweeps.sweep import seed_of

SMALL: dict[str, dict[str, Any]] = {
    "flexibert": {"vocabulary": 40, "length": 16, "embedding": 8, "hidden": 16},
    "gpt-s": {"vocabulary": 40, "head_channels": 4, "width": 0.04},
}


def test_what_networks_read() -> None:
    assert text_input("flexibert") == TextInput(30_522, 512, 2)
    assert text_input("flexibert", {"vocabulary": 40, "length": 16}) == TextInput(40, 16, 2)
    assert text_input("gpt-l") == TextInput(50_254, None, None)
    assert text_input("nasbench201") is None
    assert text_input("my_space:Mine") is None


@pytest.mark.parametrize("name", SMALL)
def test_a_sweep_scores_networks_on_tokens(name: str) -> None:
    space = get_space(name)
    [arch] = space.sample(1, 0)
    found = pb.compute(
        name, ["params", "snip", "w_pca"], archs=[arch], images="tokens:12", batch=4, network=SMALL[name], seed=2
    )
    about = found.setting["images"]
    assert about["source"] == "tokens from 1 to 39"
    assert about["shape"] == [4, 12]
    batch = batch_for(name, "tokens:12", 4, network=SMALL[name], seed=2)
    assert about["digest"] == batch.description["digest"]
    # The same network and batch without a sweep. FlexiBERT has two classes, GPT the logits of the next token.
    own = seed_of(2, space.digest(arch))
    torch.manual_seed(own)
    network = space.build(arch, **SMALL[name])
    tokens, labels = torch.from_numpy(batch.images), torch.from_numpy(batch.labels)
    assert network(tokens).shape == (4, {"flexibert": 2, "gpt-s": 40}[name])
    expected = Probe(network, tokens, labels, seed=own).run([pb.proxies.PROXIES["snip"]]).values["snip"]
    assert found.scores["proxy:snip"].iloc[0] == pytest.approx(expected, rel=1e-5)
    assert np.isfinite(found.scores["proxy:w_pca"].iloc[0])


def test_labels_are_classes_for_flexibert_and_the_next_token_for_gpt() -> None:
    assert batch_for("flexibert", None, 4).labels.tolist() == [0, 1, 0, 1]
    assert batch_for("flexibert", None, 4, classes=3).labels.tolist() == [0, 1, 2, 0]
    next_tokens = batch_for("gpt-s", None, 64)
    assert next_tokens.images.shape == (64, 64)
    assert next_tokens.labels.max() > 1000
    assert batch_for("gpt-s", None, 4, classes=3).labels.tolist() == [0, 1, 2, 0]


@pytest.mark.parametrize(
    ("space", "source", "options", "message"),
    [
        ("flexibert", "noise", {}, "read text, not images of noise; use tokens:LENGTH"),
        ("flexibert", "tokens:600", {}, "at most 512 tokens, not 600"),
        ("flexibert", "tokens:20", {"network": {"length": 16}}, "at most 16 tokens, not 20"),
        ("gpt-s", None, {"resolution": 8}, "texts have no resolution"),
        ("nasbench201", "tokens:8", {}, "take images, not tokens:8"),
    ],
)
def test_what_does_not_fit_is_refused(space: str, source: str | None, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ProxybenchError, match=message):
        batch_for(space, source, 4, **options)
