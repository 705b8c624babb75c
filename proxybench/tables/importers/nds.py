"""The sweeps of "On Network Design Spaces": `data.zip` of the authors, or one of its JSON files.

Radosavovic et al., ICCV 2019, https://github.com/facebookresearch/nds. A sweep is a list of jobs, or {"top": [...],
"mid": [...]} whose lists are joined; a job is one training (`net`, `rng_seed`, `params`, `flops`, errors in percent
and losses per epoch). Sweeps whose names end in `_in` are on ImageNet, the others on CIFAR-10.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from proxybench.errors import CorruptData, unknown_name
from proxybench.readers.untrusted import is_zip, read_json, read_zip_json, reading, zip_json_names
from proxybench.spaces import SearchSpace
from proxybench.spaces.cell_genotype import Cell, Genotype, format_genotype
from proxybench.tables.importers.checks import mapping, number, percent, sequence, unique_rows
from proxybench.tables.store.schema import UNTRAINED, Fragment, fragment_from_rows

TRAINING_IMAGES = {"cifar10": 50_000, "imagenet": 1_281_167}
_KEYS = {"ds": ("ds",), "ws": ("ws",), "ss": ("ss",), "bot_muls": ("bot_muls", "bms"), "num_gs": ("num_gs", "gws")}


_SPACES = {
    "DARTS": "nds-darts",
    "ENAS": "nds-enas",
    "PNAS": "nds-pnas",
    "NASNet": "nds-nasnet",
    "Amoeba": "nds-amoeba",
    "ResNet-B": "nds-resnext-a",
    "ResNet": "nds-resnet",
    "ResNeXt-A": "nds-resnext-a",
    "ResNeXt-B": "nds-resnext-b",
    "Vanilla": "nds-vanilla",
}


def space_of(sweep: str) -> str:
    """The search space of a sweep, whose name may go on after an underscore: `DARTS_fix-w-d`, `ResNet_lr-wd_in`.

    Raises:
        UnknownName: for a name that starts with no space of the paper.
    """
    family = sweep.partition("_")[0]
    if family not in _SPACES:
        raise unknown_name("NDS sweep", sweep, _SPACES)
    return _SPACES[family]


def sweeps_in(path: Path) -> list[str]:
    """Names of the sweeps in data.zip or SWEEP.json, sorted. Raises CorruptData when there are none."""
    zipped = is_zip(path)
    names = sorted(PurePosixPath(name).stem for name in zip_json_names(path)) if zipped else [path.stem]
    if not names:
        raise CorruptData(f"{path}: contains no sweep (a .json file)")
    return names


def read(paths: Sequence[Path], space: SearchSpace, sweep: str, batch_size: int | None = None) -> Fragment:
    """Read one sweep.

    Columns: test_acc and train_acc (100 - error after the last epoch, percent) and train_loss at the epochs trained,
    with rng_seed as the seed; params and flops as counts. A second training of an architecture with the same
    rng_seed, as sweeps over optimiser settings have, gets the seed "1.1" in addition to "1". The files give seconds per
    iteration but no batch size: train_s is iter_time * ceil(training images / batch_size) * epochs where
    `batch_size` is known, else null.

    Args:
        paths: data.zip or SWEEP.json.
        space: the space of the sweep's networks. The ResNet-B sweep (bottlenecks, one group) is read with ResNeXt-A's.
        sweep: name of the sweep, such as `DARTS_fix-w-d`.
        batch_size: images per iteration.

    Raises:
        UnknownName: if the zip contains no such sweep.
        CorruptData: for a file of another form.
    """
    (path,) = paths
    dataset = "imagenet" if sweep.endswith("_in") else "cifar10"
    rows: list[Mapping[str, Any]] = []
    document = _load(path, sweep)
    with reading(path):
        for position, entry in enumerate(_jobs(document)):
            job: object = position
            try:
                values = mapping(entry, "the job")
                job = values.get("job_id", job)
                rows += _rows(values, {"arch": _arch(values, space), "dataset": dataset}, batch_size)
            except (LookupError, ValueError) as error:
                raise ValueError(f"job {job} of {sweep}: {type(error).__name__}: {error}") from error
        return fragment_from_rows(unique_rows(path, _tell_apart(rows)))


def _tell_apart(rows: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """The rows, with another seed label for each further outcome of one architecture and seed."""
    outcomes: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for row in rows:
        known = outcomes.setdefault((row["arch"], row["seed"]), [])
        if row not in known:
            known.append(row)
        number = known.index(row)
        yield row if number == 0 or row["epochs"] == 0 else {**row, "seed": f"{row['seed']}.{number}"}


def _load(path: Path, sweep: str) -> Any:
    if not is_zip(path):
        return read_json(path)
    members = {PurePosixPath(name).stem: name for name in zip_json_names(path)}
    if sweep not in members:
        raise unknown_name("sweep", sweep, sorted(members))
    return read_zip_json(path, members[sweep])


def _jobs(document: object) -> Iterator[Any]:
    if isinstance(document, dict):
        for part in ("top", "mid"):
            yield from sequence(document[part], part)
    else:
        yield from sequence(document, "the sweep")


def _arch(job: Mapping[str, Any], space: SearchSpace) -> str:
    net = mapping(job["net"], "net")
    text = _cell_text(net) if "genotype" in net else _block_text(net, space)
    return space.format(space.parse(text))


def _cell_text(net: Mapping[str, Any]) -> str:
    genotype = mapping(net["genotype"], "genotype")
    cells = []
    for name in ("normal", "reduce"):
        entries = [sequence(entry, name) for entry in sequence(genotype[name], name)]
        concat = sequence(genotype[f"{name}_concat"], f"{name}_concat")
        cells.append(Cell(tuple((op, source) for op, source in entries), tuple(concat)))
    return f"{format_genotype(Genotype(*cells))} width={net['width']} depth={net['depth']}"


def _block_text(net: Mapping[str, Any], space: SearchSpace) -> str:
    """The text with the keys that the space's example has."""
    fields = []
    for key, names in _KEYS.items():
        values = next((net[name] for name in names if net.get(name)), None)
        if f"{key}=" not in space.example:
            if values is not None:
                raise ValueError(f"{space.name} networks have no {key}")
            continue
        if values is None and key == "num_gs":  # a bottleneck without groups is a bottleneck with one group
            values = [1] * len(sequence(net["ds"], "ds"))
        fields.append(f"{key}={sequence(values, key)}")
    return " ".join(fields)


def _rows(job: Mapping[str, Any], cell: dict[str, str], batch_size: int | None) -> list[dict[str, Any]]:
    errors = sequence(job["test_ep_top1"], "test_ep_top1")
    seed = job["rng_seed"]
    if not errors or isinstance(seed, bool) or not isinstance(seed, int):
        raise ValueError("test_ep_top1 is empty or rng_seed is not a whole number")
    trained: dict[str, Any] = cell | {"epochs": len(errors), "seed": str(seed)}
    trained["test_acc"] = 100 - percent(errors[-1], "test_ep_top1")
    if job.get("train_ep_top1"):
        trained["train_acc"] = 100 - percent(sequence(job["train_ep_top1"], "train_ep_top1")[-1], "train_ep_top1")
    if job.get("train_ep_loss"):
        trained["train_loss"] = number(sequence(job["train_ep_loss"], "train_ep_loss")[-1], "train_ep_loss")
    if batch_size is not None and job.get("iter_time") is not None:
        iterations = math.ceil(TRAINING_IMAGES[cell["dataset"]] / batch_size) * len(errors)
        trained["train_s"] = number(job["iter_time"], "iter_time") * iterations
    size = {name: number(job[name], name) for name in ("params", "flops")}
    return [trained, cell | UNTRAINED | size]
