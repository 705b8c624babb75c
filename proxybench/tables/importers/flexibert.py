"""NAS-Bench-BERT: 500 FlexiBERT networks with scores on GLUE, and the authors' training-free scores.

Serianni and Kalita, "Training-Free Neural Architecture Search for RNNs and Transformers", ACL 2023. The JSON is a list
of trainings with `scores` (times 100; Matthews correlation for CoLA, Spearman correlation for STS-B, accuracy for
others, and their mean `glue`), `time_to_train` in seconds and `hparams`; the row of the CSV with the same ID has its
training-free scores. A score of exactly 0 on RTE stands for a fine-tuning that failed, since guessing gives about 50.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from proxybench.errors import CorruptData
from proxybench.readers.untrusted import read_csv_columns, read_json, reading
from proxybench.spaces import SearchSpace
from proxybench.tables.importers.checks import mapping, number, sequence
from proxybench.tables.store.schema import UNTRAINED, Fragment, fragment_from_rows, score_or_nan

EPOCHS = 1  # stands for 100,000 steps of pre-training and the fine-tuning on each task
MEAN_OF_ALL = "glue"
TASKS = {"cola": "cola", "mnli": "mnli", "mrpc": "mrpc", "qnli": "qnli", "qqp": "qqp", "rte": "rte"} | {
    "sst": "sst2",
    "sts": "stsb",
}
PARAMETERS = "Number of Parameters"
_METHODS = ("Synaptic Diversity", "Synaptic Saliency", "Activation Distance", "Jacobian Score")
_HEAD_METHODS = ("Head Importance", "Head Confidence", "Head Softmax Confidence")
SCORES = tuple(name + ending for name in (*_METHODS, *_HEAD_METHODS) for ending in ("", " Normalized"))


def read(paths: Sequence[Path], space: SearchSpace) -> Fragment:
    """Read the JSON: glue_score by task and their mean as data set glue, with train_s there; failures become NaN.

    Trainings of the same architecture are seeds 0, 1, ... in the order of the file.

    Raises:
        CorruptData: for a file of another form.
    """
    (path,) = paths
    rows: list[dict[str, Any]] = []
    failed, met = 0, Counter[str]()
    with reading(path):
        for training in _trainings(path):
            arch = _arch(training, space)
            cell = {"arch": arch, "epochs": EPOCHS, "seed": str(met[arch])}
            met[arch] += 1
            scores = {name: _score(value, name) for name, value in mapping(training["scores"], "scores").items()}
            if scores.keys() != {*TASKS, MEAN_OF_ALL}:
                raise ValueError(f"the scores of training {training['id']} are {sorted(scores)}")
            if scores["rte"] == 0:
                scores["rte"] = scores[MEAN_OF_ALL] = float("nan")
                failed += 1
            seconds = number(training["time_to_train"], "time_to_train")
            rows.append(cell | {"dataset": MEAN_OF_ALL, "glue_score": scores[MEAN_OF_ALL], "train_s": seconds})
            rows += [cell | {"dataset": dataset, "glue_score": scores[name]} for name, dataset in TASKS.items()]
    notes = [f"{failed} of {len(met)} architectures failed on rte and have no mean."] if failed else []
    repeated = sum(count > 1 for count in met.values())
    if repeated:
        notes.append(f"{repeated} of {len(met)} architectures were trained more than once.")
    return fragment_from_rows(rows, notes)


def scores(paths: Sequence[Path], space: SearchSpace) -> Fragment:
    """Read the JSON and the CSV: proxy:NAME of each architecture on the data set glue, the first of several.

    Raises:
        CorruptData: for files of another form, or with other IDs.
    """
    benchmark, table = paths
    with reading(benchmark):
        archs = [_arch(training, space) for training in _trainings(benchmark)]
    columns = read_csv_columns(table, ("ID", PARAMETERS, *SCORES))
    with reading(table):
        if columns["ID"] != [str(place) for place in range(len(archs))]:
            raise ValueError(f"the IDs are not 0 to {len(archs) - 1} in order")
        rows: dict[str, dict[str, Any]] = {}
        for line, arch in enumerate(archs):
            values = {_column(name): score_or_nan(float(columns[name][line])) for name in (PARAMETERS, *SCORES)}
            rows.setdefault(arch, {"arch": arch, "dataset": MEAN_OF_ALL} | UNTRAINED | values)
    return fragment_from_rows(list(rows.values()))


def _trainings(path: Path) -> list[Mapping[str, Any]]:
    trainings = [mapping(one, "a training") for one in sequence(read_json(path), "the document")]
    if [one["id"] for one in trainings] != list(range(len(trainings))):
        raise CorruptData(f"{path}: the trainings are not numbered 0 to {len(trainings) - 1}")
    unfinished = sum(one["completed"] is not True for one in trainings)
    if unfinished:
        raise CorruptData(f"{path}: {unfinished} trainings are not complete")
    return trainings


def _arch(training: Mapping[str, Any], space: SearchSpace) -> str:
    overrides = mapping(mapping(training["hparams"], "hparams")["model_hparam_overrides"], "model_hparam_overrides")
    return space.format(space.parse(overrides))


def _score(value: object, name: str) -> float:
    checked = number(value, name)
    if not -100 <= checked <= 100:
        raise ValueError(f"{name} is {checked}, not between -100 and 100")
    return checked


def _column(name: str) -> str:
    return f"proxy:{name.lower().replace(' ', '_')}"
