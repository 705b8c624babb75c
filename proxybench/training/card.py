"""The card of a table of trainings, in markdown, written from the table's own setting and figures."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from shlex import quote
from typing import Any

import numpy as np

from proxybench.grammar import format_arguments
from proxybench.ranking.correlation import spearman
from proxybench.spaces import get_space
from proxybench.training.recipe import Recipe
from proxybench.training.reliability import by_seed, spearman_brown, split_half
from proxybench.training.table import TrainedTable

LIMITS = (
    "It shows how well proxies and predictors rank small networks after short trainings on small images, with a known "
    "noise of single trainings. Everything in it can be reproduced with one command.",
    "It is not a published benchmark: tiny trainings rank architectures differently from full ones. They reward fast "
    "learning, not depth, regularisation or effects that appear only in long trainings. A method's figures here do not "
    "carry over to a published table.",
    "Trainings that diverged have NaN losses and the accuracy of the diverged network; nothing is imputed.",
)


def card(table: TrainedTable, notes: tuple[str, ...] = ()) -> str:
    """The card of `table`; `notes` are additional points, such as the agreement with a published table."""
    setting = table.setting
    recipe = Recipe.from_json(setting["recipe"])
    lines = [
        f"# Trainings of {setting['space']} on {setting['dataset']}, made by this project",
        "",
        f"- Population: {_population(table)}",
        f"- Images: {_images(setting['images'])}",
        f"- Split: {recipe.train:,} images for training, {recipe.validation:,} for validation, {recipe.test:,} for "
        "test, in this order, all from the images above.",
        f"- Recipe: {_recipe(recipe)}",
        f"- Seeds: {setting['seeds']} trainings of each architecture, which differ in weights and order of images. "
        f"{setting['seed rule']}; SEED {setting['seed']}.",
        f"- Made by: `{_command(table, recipe)}`",
        f"- Made with: torch {setting['torch']} on {setting['device']}, one thread per training; `train_s` is CPU time "
        "in seconds without evaluation and depends on the machine.",
        *(f"- {note}" for note in (*notes, *_widths(table, recipe), *LIMITS)),
        "",
        "| epochs | test accuracy: minimum, quartiles, maximum | standard deviation between seeds | split-half rho |"
        " Spearman-Brown | rho of validation with test | rho with the last budget |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        *_budgets(table, recipe),
        "",
        "Accuracies are means over seeds in percent. Split-half rho is Spearman's rho between the mean test accuracies "
        "of one half of the seeds and those of the rest, averaged over all ways to halve them; Spearman-Brown is the "
        "expected rho between two means over all seeds, computed from the rho of two single seeds.",
    ]
    return "\n".join(lines) + "\n"


def _population(table: TrainedTable) -> str:
    text = f"{_count(table):,} architectures, {table.setting['population']}; any initial part is a random sample."
    if not table.complete:
        text += " More architectures were requested than are included."
    return text + (f" {len(table.failed)} failed and have no accuracies." if table.failed else "")


def _count(table: TrainedTable) -> int:
    return len(set(table.values.column("arch").to_pylist()) | table.failed.keys())


def _command(table: TrainedTable, recipe: Recipe) -> str:
    setting = table.setting
    options = {
        "dataset": setting["dataset"],
        "sample": _count(table),
        "seeds": setting["seeds"],
        "epochs": recipe.epochs,
        "budgets": ",".join(map(str, recipe.budgets)),
        "network": quote(format_arguments(recipe.network)),
        "architecture": quote(format_arguments(recipe.architecture)),
        "resolution": recipe.resolution,
        "split": f"{recipe.train},{recipe.validation},{recipe.test}",
        "batch": recipe.batch,
        "rate": recipe.rate,
        "seed": setting["seed"],
        "device": setting["device"],
    }
    words = [f"--{name} {value}" for name, value in options.items() if value not in ("", "''")]
    words += ["--flip" if recipe.flip else "--no-flip", "--images IMAGES"]
    return f"proxybench train-table {setting['space']} {' '.join(words)}"


def _images(images: Mapping[str, Any]) -> str:
    return (
        f"{images['source']}; {images['shape'][0]:,} of them, {images['choice']}; {images['normalisation']}; "
        f"resized: {images['resized']}; digest {images['digest']}."
    )


def _recipe(recipe: Recipe) -> str:
    sizes = {**recipe.network, **recipe.architecture}
    network = ", ".join(f"{name} {_size(size)}" for name, size in sizes.items())
    mirrored = "half of the images mirrored at random" if recipe.flip else "no augmentation"
    return (
        f"network with {network} at {recipe.resolution} x {recipe.resolution} pixels; {recipe.epochs} epochs of "
        f"batches of {recipe.batch}, measured after {', '.join(map(str, recipe.budgets))}; SGD with Nesterov's "
        f"momentum {recipe.momentum} and weight decay {recipe.weight_decay}, on all parameters; rate linear from 0 to "
        f"{recipe.rate} in the first {recipe.warmup:.0%} of the steps, then linear to 0, so that only the last budget "
        f"ends a schedule; {mirrored}; torch's default initialisation."
    )


def _size(size: int | float | tuple[int, ...]) -> str:
    return "/".join(map(str, size)) if isinstance(size, tuple) else str(size)


def _widths(table: TrainedTable, recipe: Recipe) -> Iterator[str]:
    """How much of the order is that of the widths, if architectures of a space of cells have different ones."""
    if not isinstance(recipe.architecture.get("width"), tuple) or table.setting["seeds"] < 2:
        return
    space = get_space(table.setting["space"])
    archs, runs = by_seed(table.values, "test_acc", recipe.epochs)
    widths = np.array([dict(space.parse(arch).attrs)["width"][0] for arch in archs])
    different, counts = np.unique(widths, return_counts=True)
    within = [_shown(float(split_half(runs[widths == width]).mean())) for width in different]
    yield (
        f"Width is part of an architecture: its rho with mean test accuracy is "
        f"{_shown(spearman(runs.mean(axis=1), widths))}, and split-half rho within one width is {_listed(within)} for "
        f"the widths {_listed(map(str, map(int, different)))} ({_listed(map(str, counts))} architectures), compared "
        f"with {_shown(float(split_half(runs).mean()))} over all. A method that only counts parameters looks better "
        "here than it does among cells of one width."
    )


def _listed(words: Iterable[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last


def _budgets(table: TrainedTable, recipe: Recipe) -> Iterator[str]:
    """One row per budget."""
    last = by_seed(table.values, "test_acc", recipe.epochs)[1].mean(axis=1)
    several = table.setting["seeds"] > 1
    for epochs in recipe.budgets:
        test = by_seed(table.values, "test_acc", epochs)[1]
        validation = by_seed(table.values, "val_acc", epochs)[1]
        quartiles = ", ".join(f"{value:.1f}" for value in np.percentile(test.mean(axis=1), [0, 25, 50, 75, 100]))
        figures = [
            float(test.std(axis=1, ddof=1).mean()) if several else math.nan,
            float(split_half(test).mean()) if several else math.nan,
            spearman_brown(test) if several else math.nan,
            spearman(test.mean(axis=1), validation.mean(axis=1)),
            spearman(last, test.mean(axis=1)),
        ]
        yield f"| {epochs} | {quartiles} | " + " | ".join(_shown(figure) for figure in figures) + " |"


def _shown(figure: float) -> str:
    return "-" if math.isnan(figure) else f"{figure:.3f}"
