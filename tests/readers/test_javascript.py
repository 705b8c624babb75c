"""Scripts that assign one JSON value are read; nothing is run."""

from __future__ import annotations

from pathlib import Path

import pytest

from proxybench.errors import CorruptData
from proxybench.readers.javascript import read_assignment


@pytest.mark.parametrize("text", ['acc={"1": [0.5, 1]}', ' var acc = {"1":[0.5,1]};\n', 'const acc=\n{"1":[5e-1,1]}\n'])
def test_the_value_of_the_variable(tmp_path: Path, text: str) -> None:
    path = tmp_path / "data.json"
    path.write_text(text)
    assert read_assignment(path, "acc") == {"1": [0.5, 1]}


@pytest.mark.parametrize("text", [
    "", "acc", "acc=", "acc=;", '{"1": 2}', "other={}", "acc={};alert(1)", "acc=alert(1)", "acc={'1': 2}", "acc=[1,2",
    "acc=={}", "acc={}\nacc={}", 'acc={"a":1,"a":2}', "acc=" + "[" * 1000, "acc=\xff", "function acc(){}",
])  # fmt: skip
def test_any_other_script_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "data.json"
    path.write_text(text, encoding="latin1")
    with pytest.raises(CorruptData, match=r"data\.json"):
        read_assignment(path, "acc")
