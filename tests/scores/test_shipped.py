"""The scores that come with the project: complete in themselves, joined to a benchmark, true to published scores."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import proxybench as pb
from predictors.arch import ArchBatch
from proxybench.errors import DataNotAvailable
from proxybench.ranking.metrics import rank_metrics
from proxybench.resources import data_path
from proxybench.scores.shipped import shipped_files, shipped_scores, shipped_scores_of, shipped_sweeps
from proxybench.sweeps.sweep import seed_of

DATA_FREE = ("params", "depth", "convolutions", "l2_norm", "synflow", "logsynflow")
ROWS = {"nasbench201": 6466, "nasbench101": 2000, "nds-darts": 1000, "vit-micro": 500}
# Places of each network: stem, edges or vertices of each cell, or layers, reductions, classifier.
PLACES = {"nasbench201": 94, "nasbench101": 25, "nds-darts": 32, "nds-enas": 38, "vit-micro": 15}
SHIPPED = sorted(
    path.name.removesuffix("-proxies.parquet") for path in Path(data_path("tables")).glob("*-proxies.parquet")
)


@pytest.mark.parametrize("space", SHIPPED)
def test_the_tables_are_whole(space: str) -> None:
    scores = shipped_scores(space)
    rows = len(scores.digests)
    assert len(set(scores.digests)) == rows >= 300
    assert ROWS.get(space, rows) == rows
    named = pb.get_space(space)
    for row in range(0, rows, rows // 20):
        assert named.digest(named.parse(scores.archs[row])) == scores.digests[row]


def test_nasbench201_has_every_function() -> None:
    space = pb.get_space("nasbench201")
    assert set(shipped_scores("nasbench201").digests) == {space.digest(arch) for arch in space}


def test_together_they_are_no_more_than_22_megabytes() -> None:
    assert sum(path.stat().st_size for space in SHIPPED for path in shipped_files(space)) <= 22 * 10**6


@pytest.mark.parametrize("space", SHIPPED)
def test_every_architecture_has_a_value_or_a_reason(space: str) -> None:
    for scores in shipped_sweeps(space):
        assert set(scores.errors) == {""}
        for column in scores.scores:
            name = column.removeprefix("proxy:")
            missing = scores.scores[column].isna().to_numpy()
            assert missing.tolist() == [name in reasons for reasons in scores.unanswered], name


def test_the_broad_scores_of_nasbench101_are_those_of_all_proxies_on_more_cells() -> None:
    every, broad = shipped_sweeps("nasbench101")
    assert len(set(broad.digests)) == 30_001
    assert {**every.setting, "proxies": None} == {**broad.setting, "proxies": None}
    place = {digest: row for row, digest in enumerate(broad.digests)}
    rows = [place[digest] for digest in every.digests]
    for column in broad.scores:
        assert np.array_equal(broad.scores[column].to_numpy()[rows], every.scores[column].to_numpy()), column
    for name, nodes in broad.nodes.items():
        assert np.array_equal(nodes.take(np.array(rows)).values, every.nodes[name].values), name


def test_a_proxy_is_looked_up_where_it_stands_for_most() -> None:
    assert len(shipped_scores_of("nasbench101", "snip").digests) == 30_001
    assert len(shipped_scores_of("nasbench101", "grasp").digests) == 2_000
    assert len(shipped_scores_of("nasbench101", "no such proxy").digests) == 2_000


@pytest.mark.parametrize("space", SHIPPED)
def test_nodes_add_up_to_the_score(space: str) -> None:
    scores = shipped_scores(space)
    for name, nodes in scores.nodes.items():
        operations = int(np.diff(nodes.offsets).max())
        assert PLACES.get(space, operations) == operations
        sums = np.add.reduceat(nodes.values, nodes.offsets[:-1])
        largest = np.maximum.reduceat(np.abs(nodes.values), nodes.offsets[:-1])
        whole = scores.scores[f"proxy:{name.removeprefix('nodes:')}"].to_numpy()
        known = np.isfinite(whole)
        # Nodes are rounded to 6 bits or more, each by at most 2 ** -7 of its size.
        assert (np.abs(sums - whole)[known] <= operations * 2**-7 * largest[known] + 1e-12).all(), name


@pytest.mark.parametrize("name_of_space", SHIPPED)
def test_what_needs_no_images_is_computed_again_to_the_same_value(name_of_space: str) -> None:
    torch = pytest.importorskip("torch")
    scores = shipped_scores(name_of_space)
    space, setting = pb.get_space(name_of_space), scores.setting
    rows = np.linspace(0, len(scores.digests) - 1, 3).astype(int)
    for row in rows:
        arch = space.parse(scores.archs[row])
        shape = tuple(setting["images"]["shape"])
        with torch.random.fork_rng():
            torch.manual_seed(seed_of(setting["seed"], space.digest(arch)))
            network = space.build(arch, setting["classes"], shape[1:], **setting["network"])
        ours = pb.score(network, torch.zeros(shape), proxies=list(DATA_FREE))
        for name in DATA_FREE:
            np.testing.assert_allclose(ours[name], scores.scores[f"proxy:{name}"].iloc[row], rtol=1e-5, err_msg=name)


def test_a_space_without_scores_says_how_to_compute_them() -> None:
    with pytest.raises(DataNotAvailable, match="proxybench compute mnasnet"):
        shipped_scores("mnasnet")


def test_a_benchmark_has_them_in_addition_to_the_published_columns(real_tables: Path) -> None:
    bench = pb.load("nasbench201")
    batch = bench.batch("all", dataset="cifar10")
    assert {"proxy:synflow", "cost:params", "proxy:synflow@proxybench"} <= set(batch.columns)
    known = np.isfinite(batch.column("proxy:params@proxybench"))
    digests = set(shipped_scores("nasbench201").digests)
    assert known.tolist() == [digest in digests for digest in bench.digests]
    assert (np.diff(batch.nodes["nodes:snip"].offsets) > 0).tolist() == known.tolist()


@pytest.fixture(scope="module")
def computed(real_cache: Path) -> ArchBatch:
    """All architectures of NAS-Bench-201 with the scores of this project."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PROXYBENCH_CACHE", str(real_cache))
        return pb.load("nasbench201").batch("computed")


@pytest.mark.parametrize(
    ("name", "at_least"),
    [("params", 0.98), ("flops", 0.98), ("synflow", 0.98), ("nwot", 0.95), ("snip", 0.93), ("grad_norm", 0.93),
     ("fisher", 0.93), ("l2_norm", 0.9), ("zen", 0.9), ("jacov", 0.85)],
)  # fmt: skip
def test_they_rank_as_the_published_scores_do(
    real_tables: Path, computed: ArchBatch, name: str, at_least: float
) -> None:
    # Smaller images and batches than the published ones, other weights: ranks agree, values do not.
    bench = pb.load("nasbench201")
    ours = computed.column(f"proxy:{name}@proxybench")
    published = bench.values(name if name in ("params", "flops") else f"proxy:{name}", dataset="cifar10")
    both = np.isfinite(ours) & np.isfinite(published)
    assert both.sum() > 500
    assert rank_metrics(published[both], ours[both])["spearman"] > at_least


def test_they_are_methods_of_the_harness(real_tables: Path) -> None:
    from proxybench.evaluation.evaluate import evaluate
    from proxybench.evaluation.job_specs import specify
    from proxybench.evaluation.tasks import load_tasks

    bench, task = pb.load("nasbench201"), load_tasks()["nasbench201-cifar10-test"]
    ours = set(shipped_scores("nasbench201").digests)
    there = [bench.digests[row] in ours for row in task.rows(bench)]
    record = evaluate(specify(task, bench, "nwot@proxybench"))
    assert (record.outcome, record.kind, record.metrics["attempted"]) == ("ok", "training-free", sum(there))
    assert evaluate(specify(task, bench, "snip@proxybench")).kind == "training-free with labels"
    assert evaluate(specify(task, bench, "nwto@proxybench")).outcome == "unsupported"
