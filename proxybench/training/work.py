"""The trainings of a table as work split into chunks: the task, its inputs and the results of a chunk."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from proxybench.errors import ProxybenchError
from proxybench.images.batch import ImageBatch, read_batch
from proxybench.jobs.chunked_work import ChunkedWork, ChunkFunction, does_work
from proxybench.jobs.work_folder import begin
from proxybench.spaces import get_space
from proxybench.sweeps.sweep import BATCH, one_thread, require_same_torch, seed_of
from proxybench.training.population import population
from proxybench.training.recipe import MEASURED, Recipe

if TYPE_CHECKING:
    from proxybench.networks.base import Network

RUN = "proxybench.training.work:prepare"
SIZES = ("params", "flops")
SEED_RULE = (
    "first 8 bytes of BLAKE2b-64 of 'SEED DIGEST RUN weights' // 2 for the weights, with 'images' for their order"
)


def begin_training(
    folder: Path,
    space: str,
    architectures: int,
    recipe: Recipe,
    images: ImageBatch,
    dataset: str,
    *,
    seeds: int = 3,
    seed: int = 0,
    device: str = "cpu",
    chunk: int = 1,
) -> ChunkedWork:
    """Begin or resume the work of training a table in its folder.

    Args:
        folder: folder of this table.
        space: space of the architectures.
        architectures: number of architectures.
        recipe: training recipe.
        images: training, validation and test images, as many as the recipe needs.
        dataset: name of the images in the table.
        seeds: number of trainings per architecture.
        seed: seed of all draws; see SEED_RULE and population.py.
        device: torch device.
        chunk: architectures per shard, the most that a kill can lose.

    Raises:
        ProxybenchError: if the networks cannot be built with these options, or if there are too few architectures.
        UnknownName: for a space without networks.
        OtherSetting: if the folder contains a different table.
    """
    import torch

    items, rule = population(get_space(space), architectures, seed, recipe.architecture)
    setting = {
        "space": space,
        "dataset": dataset,
        "recipe": recipe.to_json(),
        "seeds": seeds,
        "seed": seed,
        "seed rule": SEED_RULE,
        "population": rule,
        "images": images.description,
        "classes": images.classes,
        "device": device,
        "torch": torch.__version__,
    }
    _check(setting, images, items.column("arch")[0].as_py())
    return begin(ChunkedWork(folder, RUN, setting, items, {BATCH: images.to_bytes()}, chunk))


def _check(setting: Mapping[str, Any], images: ImageBatch, text: str) -> None:
    """Detect wrong options now rather than for every architecture."""
    trainer = Trainer(setting, images.images, images.labels)
    try:
        trainer.network(text, 0)
    except (AssertionError, RuntimeError, TypeError, ValueError) as error:
        raise ProxybenchError(f"the network of {text} cannot be built: {error}") from error


@does_work
def prepare(setting: Mapping[str, Any], files: Mapping[str, bytes]) -> ChunkFunction:
    """The function from items (digest, arch) to one row each, with measurements as lists."""
    require_same_torch(setting)
    trainer = Trainer(setting, *read_batch(files[BATCH]))

    def run(items: pa.Table) -> pa.Table:
        with one_thread():
            return table_of([trainer.row(item["digest"], item["arch"]) for item in items.to_pylist()])

    return run


class Trainer:
    """Trains one architecture after another with a given setting."""

    def __init__(self, setting: Mapping[str, Any], images: Any, labels: Any) -> None:
        import torch

        from proxybench.training.train import split

        self._space = get_space(setting["space"])
        self._recipe = Recipe.from_json(setting["recipe"])
        self._sizes = {"num_classes": setting["classes"], "in_shape": tuple(images.shape[1:])}
        self._seed, self._runs = setting["seed"], setting["seeds"]
        self._device = torch.device(setting["device"])
        pixels, classes = torch.from_numpy(images).to(self._device), torch.from_numpy(labels).to(self._device)
        self._parts = split(pixels, classes, self._recipe)

    def row(self, digest: str, text: str) -> dict[str, Any]:
        """Network sizes and training results of one architecture, or its error."""
        from proxybench.networks.counts import count_flops, count_parameters
        from proxybench.training.train import train

        row: dict[str, Any] = {"digest": digest, "arch": text, "error": ""}
        start = time.perf_counter()
        try:
            networks = [self.network(text, self._seed_of(digest, run, "weights")) for run in range(self._runs)]
            row["params"] = float(count_parameters(networks[0]).total)
            row["flops"] = float(count_flops(networks[0], self._sizes["in_shape"]).total)
            orders = [self._seed_of(digest, run, "images") for run in range(self._runs)]
            measured = train(networks, self._parts, self._recipe, orders)
        except Exception as error:  # whatever a network raises is a fact about this architecture
            row["error"] = f"{type(error).__name__}: {error}"
        else:
            row |= {name: values.ravel().tolist() for name, values in measured.items()}
        return row | {"seconds": time.perf_counter() - start}

    def network(self, text: str, seed: int) -> Network:
        """The network of an architecture with weights drawn from `seed`; the global random state is preserved."""
        import torch

        from proxybench.networks import build

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network = build(self._space.parse(text), **self._sizes, **self._recipe.network)
        return network.to(self._device)

    def _seed_of(self, digest: str, run: int, purpose: str) -> int:
        return seed_of(self._seed, f"{digest} {run} {purpose}")


def table_of(rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Rows as stored in a shard: measurements as lists over budgets and runs, runs varying fastest."""
    types = {"digest": pa.string(), "arch": pa.string(), "error": pa.string(), "seconds": pa.float64()}
    types |= dict.fromkeys(SIZES, pa.float64()) | dict.fromkeys(MEASURED, pa.list_(pa.float64()))
    return pa.table({name: pa.array([row.get(name) for row in rows], type=kind) for name, kind in types.items()})


@dataclass(frozen=True)
class TrainingProgress:
    """Progress of the architectures so far.

    Attributes:
        done: number with a row.
        seconds: their total time, one after another.
        errors: architecture to the reason why it failed.
        diverged: number of trainings that ended with a non-finite loss.
    """

    done: int
    seconds: float
    errors: Mapping[str, str]
    diverged: int


def progress_of(work: ChunkedWork) -> TrainingProgress:
    """The progress of the trainings."""
    rows = [row for table in work.tables() for row in table.to_pylist()]
    last = [loss for row in rows for loss in (row["train_loss"] or ())[-work.setting["seeds"] :]]
    return TrainingProgress(
        done=len(rows),
        seconds=sum(row["seconds"] for row in rows),
        errors={row["arch"]: row["error"] for row in rows if row["error"]},
        diverged=sum(not math.isfinite(loss) for loss in last),
    )
