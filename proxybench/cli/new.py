"""The commands `new proxy` and `new predictor`: write a working skeleton and a test of its contract."""

from __future__ import annotations

import keyword
import re
import sys
from importlib.util import find_spec
from pathlib import Path
from string import Template
from typing import Annotated

import typer

from proxybench.cli.output import fail_if

app = typer.Typer(no_args_is_help=True, help="Write a skeleton for your own proxy or predictor, with a test.")

Name = Annotated[str, typer.Argument(help="Name of the module, such as my_proxy.")]
Folder = Annotated[Path, typer.Option(help="Where the two files go.")]

PROXY = '''"""A zero-cost proxy: scores a network without training it."""

import torch
from proxybench.proxies import Probe, Tap, proxy
from proxybench.proxies.batch_pass import batch_pass


@proxy(
    "$name",
    source="yours",
    formula="sum over layers of the mean of |w dL/dw|",
    needs=["images", "labels", "gradients"],
    per_layer=True,
    taps=[Tap.WEIGHT_GRADIENTS],
)
def score(probe: Probe) -> torch.Tensor:
    """One value per layer; their sum is the score, larger is better. Raise NoAnswer if there is no value.

    `probe.network`, `probe.images` and `probe.labels` are the inputs, `probe.layers` the network's weights;
    `probe.once` runs a pass over the batch once and shares it between proxies.
    """
    gradients = probe.once(batch_pass).weight_gradients
    values = [(layer.values * gradient).abs().mean() for layer, gradient in zip(probe.layers, gradients, strict=True)]
    return torch.stack(values).double()
'''
PROXY_TEST = '''"""Whether the proxy $name keeps its contract."""

import sys
from pathlib import Path

import proxybench as pb

sys.path.insert(0, str(Path(__file__).parent))  # $name.py is found in every import mode of pytest
from $name import score  # noqa: E402


def test_score_keeps_the_contract() -> None:
    pb.check_proxy(score)
'''
SCORER = '''"""A scorer: scores architectures of a table without training them."""

import numpy as np
import proxybench as pb
from predictors import ArchBatch


@pb.entrant("$name")
def score(batch: ArchBatch) -> np.ndarray:
    """One score per architecture, larger is better; NaN if there is no score.

    `arch.ops` are the operations on the nodes and `arch.edges` the pairs of nodes; `batch.columns` holds what is
    known without training, such as "cost:params".
    """
    return np.array([len(arch.edges) + sum("conv" in op for op in arch.ops) for arch in batch], dtype=np.float64)
'''
SCORER_TEST = '''"""Whether the scorer $name keeps its contract."""

import sys
from pathlib import Path

import proxybench as pb

sys.path.insert(0, str(Path(__file__).parent))  # $name.py is found in every import mode of pytest
from $name import score  # noqa: E402


def test_score_keeps_the_contract() -> None:
    pb.check_proxy(score)
'''
PREDICTOR = '''"""A predictor: learns from architectures whose accuracy is known."""

from typing import Any, Self

import numpy as np
import proxybench as pb
from predictors.base import Parameters, as_batch, checked_targets


@pb.entrant("$name")
class $object(Parameters):
    """Ridge regression on how often each operation occurs in an architecture."""

    def __init__(self, penalty: float = 1.0) -> None:
        self.penalty = penalty

    def fit(self, X: Any, y: Any) -> Self:
        y = checked_targets(as_batch(X), y)
        self.ops_ = sorted({op for arch in X for op in arch.ops})
        counts = self._counts(X)
        self.mean_ = y.mean()
        penalty = self.penalty * np.eye(len(self.ops_))
        self.weights_ = np.linalg.solve(counts.T @ counts + penalty, counts.T @ (y - self.mean_))
        return self

    def predict(self, X: Any) -> np.ndarray:
        predicted: np.ndarray = self.mean_ + self._counts(X) @ self.weights_
        return predicted

    def _counts(self, X: Any) -> np.ndarray:
        counts = np.array([[arch.ops.count(op) for op in self.ops_] for arch in X], dtype=np.float64)
        return counts.reshape(len(X), len(self.ops_))
'''
PREDICTOR_TEST = '''"""Whether the predictor $name keeps its contract."""

import sys
from pathlib import Path

from predictors import check_predictor

sys.path.insert(0, str(Path(__file__).parent))  # $name.py is found in every import mode of pytest
from $name import $object  # noqa: E402


def test_the_predictor_keeps_the_contract() -> None:
    check_predictor($object)
'''


@app.command("proxy", epilog="Example: proxybench new proxy my_proxy")
def proxy(
    name: Name,
    folder: Folder = Path(),
    scorer: Annotated[
        bool, typer.Option("--scorer", help="Score architectures and their columns instead of networks.")
    ] = False,
) -> None:
    """Write NAME.py with a proxy, a function of a network, and test_NAME.py with its test."""
    _write(name, folder, SCORER if scorer else PROXY, SCORER_TEST if scorer else PROXY_TEST, "score")
    _next_steps(name, folder, "quick" if scorer else "networks", "score")


@app.command("predictor", epilog="Example: proxybench new predictor my_predictor")
def predictor(name: Name, folder: Folder = Path()) -> None:
    """Write NAME.py with a predictor class and test_NAME.py with its test."""
    _write(name, folder, PREDICTOR, PREDICTOR_TEST, class_name(name))
    _next_steps(name, folder, "quick-predictors", class_name(name))


def class_name(name: str) -> str:
    """`my_predictor` as `MyPredictor`."""
    return "".join(part[0].upper() + part[1:] for part in name.split("_") if part)


def _write(name: str, folder: Path, module: str, test: str, thing: str) -> None:
    """Write both files, or neither and exit with code 1."""
    files = {folder / f"{name}.py": module, folder / f"test_{name}.py": test}
    fail_if(_problems_of_name(name))
    fail_if([f"{path} already exists and was left unchanged" for path in files if path.exists() or path.is_symlink()])
    fail_if(_problems_of_module(name))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, template in files.items():
            with path.open("x", encoding="utf-8") as file:  # never overwrites a file created meanwhile
                file.write(Template(template).substitute(name=name, object=thing))
    except OSError as error:
        fail_if([f"{folder}: {error}"])


def _problems_of_name(name: str) -> list[str]:
    if not re.fullmatch("[A-Za-z][A-Za-z0-9_]*", name):
        return [f"{name!r} is not a module name: use letters, digits and _, start with a letter, no path, no .py"]
    if keyword.iskeyword(name):
        return [f"{name!r} is a Python keyword; choose another name"]
    return []


def _problems_of_module(name: str) -> list[str]:
    """Name clashes: a module that the new one would hide, or a method of the same name in the ranking."""
    from predictors import available
    from proxybench.evaluation.entrants import ALWAYS, COLUMNS

    if name in (*available(), *ALWAYS, COLUMNS):
        return [f"{name!r} is a method of proxybench; choose another name"]
    if name in sys.stdlib_module_names or name == "conftest" or find_spec(name) is not None:
        return [f"a module called {name!r} already exists and would be hidden; choose another name"]
    return []


def _next_steps(name: str, folder: Path, suite: str, thing: str) -> None:
    typer.echo(f"wrote {folder / name}.py and {folder / f'test_{name}'}.py")
    typer.echo("next:")
    if folder.resolve() != Path.cwd():
        typer.echo(f"  cd {folder}")
    typer.echo(f"  python -m pytest test_{name}.py")
    typer.echo(f"  proxybench run --suite {suite} --method {name}:{thing}")
    typer.echo("  proxybench leaderboard build")
    typer.echo("  proxybench leaderboard show")
