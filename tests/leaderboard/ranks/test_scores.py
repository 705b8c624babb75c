"""Architecture-level scores in addition to the records."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from proxybench.errors import CorruptData
from proxybench.leaderboard.ranks.scores import evenly_spaced, read_scores, write_scores


def test_scores_come_back_with_gaps_and_correlations(tmp_path: Path) -> None:
    # Without the third, the order of "up" is that of the target and that of "down" its reverse.
    scores = {"up": [1.0, 2.0, np.nan, 4.0], "down": [4.0, 3.0, np.inf, 1.0]}
    path = write_scores(tmp_path, "tiny", [10.0, 20.0, 30.0, 40.0], scores, archs=list("abcd"))
    found = read_scores([path])["tiny"]
    assert found.size == 4
    assert found.archs == list("abcd")
    assert found.methods == {"up": [1.0, 2.0, None, 4.0], "down": [4.0, 3.0, None, 1.0]}
    assert found.spearman.names == ["target", "down", "up"]
    assert found.spearman.matrix == [[1, -1, 1], [-1, 1, -1], [1, -1, 1]]


def test_the_file_is_the_same_whatever_the_order_of_methods(tmp_path: Path) -> None:
    one = write_scores(tmp_path / "one", "tiny", [1, 2], {"a": [1, 2], "b": [2, 1]})
    two = write_scores(tmp_path / "two", "tiny", [1, 2], {"b": [2, 1], "a": [1, 2]})
    assert one.read_bytes() == two.read_bytes()


def test_correlations_are_of_all_architectures_and_points_of_a_thousand(tmp_path: Path) -> None:
    target = np.random.default_rng(0).permutation(5000).astype(float)
    score = np.where(target < 2500, target, -target)
    found = read_scores([write_scores(tmp_path, "big", target, {"m": score})])["big"]
    assert len(found.target) == len(found.methods["m"]) == 1000
    assert {min(found.target), max(found.target)} == {0, 4999}
    # Ranks r = 1..n of the target; the score has r + n/2 for the lower half and n + 1 - r for the upper:
    # sum d^2 = n/2 (n/2)^2 + sum (2r - n - 1)^2 = n^3/8 + n^3/6 - n/6, rho = 1 - 6 sum d^2 / (n^3 - n) = -.75.
    assert found.spearman.matrix[0][1] == pytest.approx(-0.75, abs=1e-3)


def test_points_are_spaced_evenly_by_target_and_stay_in_order() -> None:
    target = np.array([np.nan, 9.0, 1.0, 5.0, -np.inf, 3.0, 7.0])
    assert evenly_spaced(target, 3).tolist() == [1, 2, 3]
    assert evenly_spaced(target, 10).tolist() == [1, 2, 3, 5, 6]


def test_a_column_of_another_length_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="one value for each of its 2 targets"):
        write_scores(tmp_path, "tiny", [1, 2], {"a": [1, 2, 3]})


@pytest.mark.parametrize("text", ['{"task": "tiny"}', "", '{"target": [1], "task": "t", "size": "x"}'])
def test_a_file_in_another_format_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "tiny.scores.json"
    path.write_text(text)
    with pytest.raises(CorruptData, match=r"tiny\.scores\.json holds no scores"):
        read_scores([path])


def test_columns_of_different_lengths_in_a_file_are_refused(tmp_path: Path) -> None:
    path = write_scores(tmp_path, "tiny", [1, 2], {"a": [0.25, 0.5]})
    path.write_text(path.read_text().replace("[0.25,0.5]", "[0.25]"))
    with pytest.raises(CorruptData, match="different lengths"):
        read_scores([path])


def test_two_files_of_one_task_are_refused(tmp_path: Path) -> None:
    paths = [write_scores(tmp_path / name, "tiny", [1, 2], {"a": [1, 2]}) for name in ("one", "two")]
    with pytest.raises(CorruptData, match="second file of scores of tiny"):
        read_scores(paths)
