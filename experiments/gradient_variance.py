r"""Measures how much the gradients of a supernet vary with uniform draws, and with those of PA&DA.

    python experiments/gradient_variance.py --images cifar10:cifar-10-python.tar.gz --folder one-shot

reads the supernets that `experiments/one_shot.py` trained with SPOS and PA&DA, and writes docs/results/gradients.csv:
for the weights of each, and for the draws of both methods at the end of their trainings, the variance of the gradient
of a step, summed over all weights, and the squared norm of its mean. PA&DA claims that its draws give the smallest
variance; a weight that a path does not use has gradient 0.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from proxybench.images.batch import load_batch
from proxybench.oneshot import METHODS, OneShot
from proxybench.oneshot.checkpoint import NAME
from proxybench.oneshot.method import Method
from proxybench.oneshot.supernet import Supernet
from proxybench.sweeps.sweep import one_thread, seed_of
from proxybench.training.recipe import default_recipe
from proxybench.training.train import Part, split

EPOCHS, SEEDS = 30, ("0", "1", "2")  # as in experiments/one_shot.py
STEPS = 200
OUTPUT = Path(__file__).parents[1] / "docs" / "results" / "gradients.csv"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", required=True)
    parser.add_argument("--folder", type=Path, default=Path("one-shot"))
    options = parser.parse_args()
    recipe = default_recipe("nasbench201")
    batch = load_batch(options.images, recipe.images, resolution=recipe.resolution)
    train = split(torch.from_numpy(batch.images), torch.from_numpy(batch.labels), recipe).train
    rows = []
    for seed in SEEDS:
        for weights in ("spos", "pada"):
            shot = OneShot("nasbench201", weights, epochs=EPOCHS, seed=int(seed))
            supernet = shot.fit(batch, options.folder / f"{weights}-{seed}").trainer.trained(0)
            for draws in ("spos", "pada"):
                variance, mean = measured(supernet, trained_method(draws, seed, options.folder), train, recipe.batch)
                rows.append((seed, weights, draws, STEPS, f"{variance:.5g}", f"{mean:.5g}"))
                print(*rows[-1], flush=True)
    with OUTPUT.open("w", newline="") as stream:
        head = ("seed", "weights", "draws", "steps", "variance", "squared_norm_of_mean")
        csv.writer(stream, lineterminator="\n").writerows([head, *rows])


def trained_method(name: str, seed: str, folder: Path) -> Method:
    """A method with what it had learned at the end of its training."""
    method: Method = METHODS[name]()
    state = torch.load(folder / f"{name}-{seed}" / NAME, weights_only=True)["state"]
    method.restore(state["method"])
    return method


def measured(supernet: Supernet, method: Method, train: Part, size: int) -> tuple[float, float]:
    """The summed variance of the gradient over STEPS draws of a path and `size` images, and its mean's squared norm."""
    rng = np.random.default_rng(seed_of(0, "gradient variance"))
    weights = list(supernet.parameters())
    sums, squares = ([torch.zeros_like(one) for one in weights] for _ in range(2))
    with one_thread():
        for _ in range(STEPS):
            rows = torch.from_numpy(method.rows(len(train), rng)[:size])
            (path,) = method.paths(supernet, supernet.whole(), rng)
            supernet.zero_grad(set_to_none=True)
            supernet.select(path)
            torch.autograd.backward(cross_entropy(supernet(train.images[rows]), train.labels[rows]))
            for one, total, square in zip(weights, sums, squares, strict=True):
                if one.grad is not None:
                    total += one.grad
                    square += one.grad**2
    means = [total / STEPS for total in sums]
    mean = sum(float((one**2).sum()) for one in means)
    second = sum(float(square.sum()) for square in squares) / STEPS
    return (second - mean) * STEPS / (STEPS - 1), mean


if __name__ == "__main__":
    main()
