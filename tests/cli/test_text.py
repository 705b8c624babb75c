"""compute and score of a network that reads text."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="the extra nas-proxybench[torch] is not installed")

from proxybench.spaces import get_space


def test_the_commands(run, cache: Path, tmp_path: Path) -> None:
    space = get_space("flexibert")
    text = space.format(space.sample(1, 0)[0])
    (tmp_path / "archs").write_text(text)
    small = ("--network", "vocabulary=40,length=16,embedding=8,hidden=16", "--batch", "4", "--images", "tokens:12")
    words = ("--proxies", "params,head_importance", *small)
    files = ("--archs", str(tmp_path / "archs"), "--output", str(tmp_path / "sweep"))
    answer = run("compute", "flexibert", *words, *files)
    assert answer.code == 0, answer.err
    assert (
        "texts of 12 tokens from 1 to 39, drawn uniformly by BLAKE2b of seed 0 and row; labels: 2 classes" in answer.out
    )
    alone = json.loads(run("score", "flexibert", text, "--json", *words).out)
    assert [one["proxy"] for one in alone["scores"]] == ["params", "head_importance"]
    assert all(one["value"] > 0 for one in alone["scores"])
    refused = run("score", "flexibert", text, "--images", "digits")
    assert refused.code != 0
    assert "read text, not images of digits" in refused.err
