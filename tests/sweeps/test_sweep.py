"""Sweeps of small networks: which architectures, what seeds, what is recorded."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the extra nas-proxybench[torch] is not installed")

from proxybench.errors import DataNotAvailable, InvalidArchitecture, ProxybenchError, UnknownName  # noqa: E402
from proxybench.images.batch import load_batch  # noqa: E402
from proxybench.jobs.chunked_work import ChunkedWork  # noqa: E402
from proxybench.networks import build  # noqa: E402
from proxybench.networks.initialise import initialise  # noqa: E402
from proxybench.proxies.base import NoAnswer, proxy  # noqa: E402
from proxybench.proxies.probe import Probe  # noqa: E402
from proxybench.scores.score_file import SweepScores, read_scores  # noqa: E402
from proxybench.spaces import get_space  # noqa: E402
from proxybench.sweeps.front import do_work  # noqa: E402
from proxybench.sweeps.merge import merge  # noqa: E402
from proxybench.sweeps.selection import choose_proxies, items_of, load_proxy, of_file, whole_space  # noqa: E402
from proxybench.sweeps.sweep import begin_sweep, forget_failed, progress_of, seed_of  # noqa: E402

SPACE = get_space("nasbench201")
SMALL = {"channels": 2, "cells": 1}
TEXTS = [
    "|nor_conv_1x1~0|+|skip_connect~0|none~1|+|none~0|nor_conv_3x3~1|avg_pool_3x3~2|",
    "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_1x1~2|",
    "|skip_connect~0|+|none~0|none~1|+|nor_conv_3x3~0|none~1|none~2|",
    # the same function as the one above: node 1 is the input
    "|skip_connect~0|+|none~0|none~1|+|none~0|nor_conv_3x3~1|none~2|",
]


@proxy("fragile", source="test", formula="1; fails without a 1x1 convolution, no answer without a pool", version=3)
def fragile(probe: Probe) -> float:
    # both reductions have one of each
    if sum(layer.weight.shape[-2:] == (1, 1) for layer in probe.layers) == 2:
        raise ZeroDivisionError("on purpose")
    if sum(isinstance(module, torch.nn.AvgPool2d) for module in probe.network.modules()) == 2:
        raise NoAnswer("no pool")
    return 1.0


def begun(folder: Path, proxies: list[str], texts: list[str] = TEXTS, **options: Any) -> ChunkedWork:
    items = items_of([SPACE.parse(text) for text in texts], SPACE)
    chosen, _ = choose_proxies(proxies)
    options = {"network": SMALL, **options}
    return begin_sweep(folder, "nasbench201", items, chosen, load_batch("digits", 8), **options)


def swept(folder: Path, proxies: list[str], **options: Any) -> SweepScores:
    work = begun(folder, proxies, **options)
    do_work(work)
    merge(work, folder / "scores.parquet", node_bits=52)
    return read_scores(folder / "scores.parquet")


def test_isomorphic_cells_are_one_item_and_share_their_scores(tmp_path: Path) -> None:
    scores = swept(tmp_path, ["l2_norm", "random"])
    assert len(scores.digests) == 3
    batch = scores.join([SPACE.parse(text) for text in TEXTS])
    values = batch.columns["proxy:l2_norm"]
    assert values[2] == values[3]
    assert len(set(values[:3])) == 3
    assert len(set(batch.columns["proxy:random"][:3])) == 3
    assert TEXTS[2] in scores.archs
    assert TEXTS[3] not in scores.archs


def test_a_score_is_that_of_the_probe_under_the_stated_seed(tmp_path: Path, one_thread: None) -> None:
    scores = swept(tmp_path, ["snip", "l2_norm"], seed=5)
    arch = SPACE.parse(TEXTS[0])
    batch = load_batch("digits", 8)
    seed = seed_of(5, SPACE.digest(arch))
    torch.manual_seed(seed)
    network = build(arch, 10, (1, 8, 8), **SMALL)
    expected = Probe(network, torch.from_numpy(batch.images), torch.from_numpy(batch.labels), seed=seed).run(
        [load_proxy("snip")]
    )
    joined = scores.join([arch])
    assert joined.columns["proxy:snip"].tolist() == [expected.values["snip"]]
    assert np.array_equal(joined.nodes["nodes:snip"][0], expected.nodes["snip"])
    assert joined.nodes["nodes:snip"][0].sum() == pytest.approx(expected.values["snip"])
    assert {"seconds", "seconds:snip", "seconds:batch_pass"} <= set(scores.seconds)


def test_an_initialisation_is_drawn_from_the_same_seed(tmp_path: Path) -> None:
    scores = swept(tmp_path, ["l2_norm"], initialisation="gaussian")
    arch = SPACE.parse(TEXTS[1])
    network = build(arch, 10, (1, 8, 8), **SMALL)
    initialise(network, "gaussian", seed_of(0, SPACE.digest(arch)))
    norms = [float(p.detach().double().norm()) for p in network.parameters() if p.dim() > 1]
    assert scores.join([arch]).columns["proxy:l2_norm"][0] == pytest.approx(sum(norms))


def test_scores_do_not_depend_on_neighbours_threads_or_the_random_state(tmp_path: Path) -> None:
    threads = torch.get_num_threads()
    first = swept(tmp_path / "a", ["snip", "random"], chunk=1)
    torch.manual_seed(99)
    state = torch.get_rng_state()
    second = swept(tmp_path / "b", ["snip", "random"], chunk=3)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.get_num_threads() == threads
    assert first.scores.equals(second.scores)


def test_a_failure_is_recorded_and_the_sweep_goes_on(tmp_path: Path) -> None:
    work = begun(tmp_path, ["test_sweep_proxies:fragile", "l2_norm"])
    do_work(work)
    found = progress_of(work)
    assert found.done == 3
    assert found.errors == {TEXTS[2]: "ZeroDivisionError: on purpose"}
    assert found.unanswered == {"fragile": 1}
    merge(work, tmp_path / "scores.parquet")
    scores = read_scores(tmp_path / "scores.parquet")
    batch = scores.join([SPACE.parse(text) for text in TEXTS[:3]])
    assert np.isnan(batch.columns["proxy:l2_norm"]).tolist() == [False, False, True]
    assert [len(batch.nodes["nodes:l2_norm"][row]) for row in range(3)] == [22, 22, 0]
    assert {"fragile": "no pool"} in scores.unanswered
    assert forget_failed(work) == 1
    assert work.done() == 2


@pytest.fixture
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def _own_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The proxy above as a user's module."""
    module = ModuleType("test_sweep_proxies")
    module.fragile = fragile  # type: ignore[attr-defined]
    module.number = 3  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "test_sweep_proxies", module)


def test_the_setting_says_what_the_scores_depend_on(tmp_path: Path) -> None:
    setting = begun(tmp_path, ["synflow", "test_sweep_proxies:fragile"], seed=2).plan["setting"]
    assert setting["space"] == "nasbench201"
    assert setting["network"] == SMALL
    assert setting["seed"] == 2
    assert setting["torch"] == torch.__version__
    assert setting["proxies"]["synflow"] == {"target": "synflow", "version": load_proxy("synflow").version}
    own = setting["proxies"]["fragile"]
    assert (own["target"], own["version"], len(own["code"])) == ("test_sweep_proxies:fragile", 3, 64)
    assert setting["images"]["source"] == "scikit-learn digits"
    assert len(setting["images"]["digest"]) == 32
    json.dumps(setting)


def test_a_sweep_of_another_torch_is_refused(tmp_path: Path) -> None:
    work = begun(tmp_path, ["l2_norm"])
    other = ChunkedWork(work.folder, work.run, {**work.setting, "torch": "1.0"}, work.items, work.files)
    with pytest.raises(ProxybenchError, match=r"started with torch 1\.0, but"):
        do_work(other)


def test_options_are_checked_before_the_work(tmp_path: Path) -> None:
    for options, reason in (
        ({"network": {"width": 3}}, "cannot be built: .*width"),
        ({"network": {"channels": 0}}, "cannot be built: .*channels"),
        ({"classes": 4}, "4 classes are too few for labels up to"),
        ({"device": "nowhere"}, "cannot be built"),
    ):
        with pytest.raises(ProxybenchError, match=reason):
            begun(tmp_path / "w", ["l2_norm"], **options)
    with pytest.raises(UnknownName, match="Did you mean 'kaiming'"):
        begun(tmp_path / "w", ["l2_norm"], initialisation="kayming")
    assert not (tmp_path / "w").exists()


def test_proxies_are_chosen_by_name_or_as_all() -> None:
    assert list(choose_proxies(["synflow", "snip"])[0]) == ["synflow", "snip"]
    every, left_out = choose_proxies(["all"])
    assert {"synflow", "snip", "random"} <= set(every)
    assert all(line.startswith("cannot load proxy") for line in left_out)
    for name, error, reason in (
        ("synfow", UnknownName, "Did you mean 'synflow'"),
        ("az_nas", UnknownName, "score its parts"),
        ("nowhere:thing", ProxybenchError, "cannot load proxy 'nowhere:thing': ModuleNotFoundError"),
        ("test_sweep_proxies:number", ProxybenchError, "is not a Proxy"),
    ):
        with pytest.raises(error, match=reason):
            choose_proxies([name])


def test_architectures_come_from_the_space_or_a_file(tmp_path: Path) -> None:
    assert items_of(whole_space(SPACE), SPACE).num_rows == 6466
    file = tmp_path / "archs.txt"
    file.write_text("\n".join(TEXTS) + "\n\n")
    items = items_of(of_file(SPACE, file), SPACE)
    assert items.column("digest").to_pylist() == sorted({SPACE.digest(SPACE.parse(text)) for text in TEXTS})
    with pytest.raises(ProxybenchError, match="darts cannot be enumerated; select architectures: --sample N"):
        whole_space(get_space("darts"))
    with pytest.raises(DataNotAvailable, match="one architecture per line"):
        of_file(SPACE, tmp_path / "absent.txt")
    file.write_text("|none~0|")
    with pytest.raises(InvalidArchitecture):
        of_file(SPACE, file)
