"""An optional library that is missing is named together with the command that installs it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from predictors.errors import LibraryMissing, naming_the_extra

TORCH = "needs torch; run: pip install 'nas-proxybench[torch]'"


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("import proxybench as pb; pb.score", f"score {TORCH}"),
        ("from predictors import make; make('parzc')", f"predictor parzc {TORCH}"),
        ("from predictors.losses import diff_kendall", f"predictors.losses {TORCH}"),
        ("from proxybench.proxies import PROXIES; PROXIES['snip']", f"proxy snip {TORCH}"),
        ("from proxybench.generation import generate", f"generate {TORCH}"),
        (
            "import proxybench as pb; s = pb.get_space('nasbench201'); s.build(s.sample(1, 0)[0], num_classes=10)",
            f"space with networks nasbench201 {TORCH}",
        ),
    ],
)
def test_the_message_has_the_command(code: str, message: str) -> None:
    lines = "\n    ".join(code.split("; "))
    script = f"import sys; sys.modules['torch'] = None\ntry:\n    {lines}\nexcept ImportError as error: print(error)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == message


def test_other_libraries_are_not_ours_to_install() -> None:
    with pytest.raises(ModuleNotFoundError) as raised, naming_the_extra("this test"):
        import no_such_library  # noqa: F401
    assert not isinstance(raised.value, LibraryMissing)
