"""`import predictors` is cheap: it loads no numerical or learning library."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("lightgbm", "numpy", "pandas", "pyarrow", "scipy", "sklearn", "torch")


def loaded_by(code):
    """The heavy modules in sys.modules of a fresh interpreter after `code`."""
    script = f"{code}\nimport sys\nprint([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.mark.parametrize("code", ["import predictors", "import predictors; dir(predictors)", "import proxybench"])
def test_no_heavy_library_is_loaded(code):
    assert loaded_by(code) == "[]"


@pytest.mark.parametrize(
    "code",
    [
        "from predictors import ArchGraph; ArchGraph('s', ('a', 'b'), ((0, 1),)).digest",
        "from proxybench.spaces import SPACES; list(SPACES)",
    ],
)
def test_architectures_take_numpy_at_most(code):
    assert loaded_by(code) in ("[]", "['numpy']")


def test_public_names_are_found():
    import predictors

    for name in predictors.__all__:
        assert getattr(predictors, name) is not None
    assert set(predictors.__all__) <= set(dir(predictors))


def test_other_names_are_attribute_errors():
    import predictors

    with pytest.raises(AttributeError, match="no attribute 'ArchGrap'"):
        predictors.ArchGrap  # noqa: B018
