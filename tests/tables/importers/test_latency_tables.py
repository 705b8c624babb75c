"""The importers of the FBNet and once-for-all tables: HELP, NASFLAT and DyNAS-T."""

from __future__ import annotations

import json

import numpy as np
import pytest

pytest.importorskip("torch", reason="the extra proxybench[torch] is not installed")

import torch

from proxybench.errors import CorruptData
from proxybench.spaces import get_space
from proxybench.spaces.fbnet import BLOCKS, LAYERS
from proxybench.tables.importers import dynast, help_latencies, nasflat

HELP = "HayeonLee/HELP/45f70eb92d0d735970a33b608d1544ad3c52f285/data"
NASFLAT = "abdelfattah-lab/nasflat_latency/82924343a2a95e1f2607047087bbc09fdcca8be4/fbnet_zcp/zc_fbnet.json"
DYNAST = "IntelLabs/DyNAS-T/251cb5e0083077522eb554691f480ba750e63246/notebooks/data"
FBNET, OFA = get_space("fbnet"), get_space("ofa-mobilenetv3")
NUMBERS = [7, 8, 1, 8, 4, 8, 8, 8, 7, 4, 1, 4, 7, 3, 2, 7, 3, 2, 4, 2, 4, 5]
SCORES = dict.fromkeys((*nasflat.COSTS, *nasflat.PROXIES), 1.5)
HEADER = "Sub-network,Date,Model Parameters,Latency (ms),MACs,Top-1 Acc (%)"
SUBNET = f'"{ {"wid": None, "ks": [3] * 20, "e": [3] * 20, "d": [2] * 5, "r": [224]} }"'


def latencies(mirror, space, device):
    folder = mirror / HELP / {"fbnet": "fbnet", "ofa-mobilenetv3": "ofa"}[space.name]
    archs = folder / ("arch.pt" if space is FBNET else "ofa_archs.pt")
    return help_latencies.read([archs, folder / "latency" / f"{device}.pt"], space, "cifar100").values.to_pandas()


def test_both_sources_of_fbnet_name_the_same_5000_networks(mirror):
    scored = nasflat.read([mirror / NASFLAT], FBNET).values.to_pandas()
    measured = latencies(mirror, FBNET, "fpga")
    assert set(scored["arch"]) == set(measured["arch"])
    assert len(scored) == len(measured) == 5_000


@pytest.mark.parametrize("device", ["eyeriss", "fpga", "pixel3", "raspi4"])
def test_latencies_of_hw_nas_bench_are_sums_over_layers(mirror, device):
    """Li et al., ICLR 2021, section 3.3: the latency of a network of FBNet is the sum of those of its blocks."""
    table = latencies(mirror, FBNET, device)
    chosen = np.array([FBNET.numbers(FBNET.parse(text)) for text in table["arch"]])
    one_hot = (chosen[:, :, None] == np.arange(len(BLOCKS))).reshape(len(chosen), LAYERS * len(BLOCKS))
    values = table[f"latency_ms@{device}"].to_numpy()
    fitted = one_hot @ np.linalg.lstsq(one_hot.astype(float), values, rcond=None)[0]
    np.testing.assert_allclose(fitted, values, rtol=1e-9)


def test_latencies_of_sub_networks(mirror):
    table = latencies(mirror, OFA, "v100_1")
    assert len(table) == 5_000
    assert table["arch"][0].startswith("r204:k7e6.k5e4-")
    assert table["latency_ms@v100_1"].min() == pytest.approx(6.763210296630859)


def write_torch(tmp_path, archs, values):
    paths = [tmp_path / "arch.pt", tmp_path / "phone_1.pt"]
    for path, value in zip(paths, (archs, values), strict=True):
        torch.save(value, path)
    return paths


def test_cells_listed_by_text_and_place(mirror):
    folder = mirror / HELP / "nasbench201"
    paths = [folder / "str_arch2idx.pt", folder / "latency/pixel2.pt"]
    fragment = help_latencies.read(paths, get_space("nasbench201"), "cifar10")
    assert len(fragment.values) == 15_625
    assert fragment.notes == ("Latencies on pixel2 are whole milliseconds, so that many are equal.",)


@pytest.mark.parametrize("archs", [[NUMBERS], {"arch": [NUMBERS], "dataset": "cifar"}, {FBNET.example: 0}])
def test_one_architecture(tmp_path, archs):
    (row,) = help_latencies.read(write_torch(tmp_path, archs, [17]), FBNET, "cifar100").values.to_pylist()
    assert (row["arch"], row["epochs"], row["seed"]) == (FBNET.example, 0, "")
    assert row["latency_ms@phone_1"] == 17.0


@pytest.mark.parametrize(
    ("archs", "values", "file"),
    [
        ([NUMBERS[:-1]], [17], "arch"),
        ([NUMBERS, NUMBERS], [17, 18], "arch"),
        ({"archs": [NUMBERS]}, [17], "arch"),
        ({FBNET.example: 1}, [17], "arch"),
        (5, [17], "arch"),
        ([NUMBERS], [17, 18], "phone_1"),
        ([NUMBERS], ["17"], "phone_1"),
        ([NUMBERS], [0], "phone_1"),
        ([NUMBERS], [float("nan")], "phone_1"),
        ([NUMBERS], {"ms": 17}, "phone_1"),
    ],
    ids=str,
)
def test_other_latency_files_are_an_error_that_names_the_file(tmp_path, archs, values, file):
    with pytest.raises(CorruptData, match=rf"{file}\.pt"):
        help_latencies.read(write_torch(tmp_path, archs, values), FBNET, "cifar100")


def test_published_scores(mirror):
    fragment = nasflat.read([mirror / NASFLAT], FBNET)
    row = fragment.values.to_pandas().set_index("arch").loc["2_8_6_3_8_4_8_4_1_8_7_8_0_6_2_5_2_6_0_2_7_7"]
    assert row["proxy:nwot"] == 210.94431126965935
    assert (row["params"], row["flops"]) == (2_447_972, 72_783_744)
    assert fragment.notes == ()


def test_failed_scores_are_nan_and_counted(tmp_path):
    path = tmp_path / "zc.json"
    path.write_text(json.dumps({FBNET.example: SCORES | {"epe_nas": -1e8}}))
    fragment = nasflat.read([path], FBNET)
    assert np.isnan(fragment.values.to_pylist()[0]["proxy:epe_nas"])
    assert fragment.notes == ("epe_nas failed for 1 of 1 architectures",)


@pytest.mark.parametrize(
    "document",
    [
        [],
        {"1_2": SCORES},
        {FBNET.example: []},
        {FBNET.example: {}},
        {FBNET.example: SCORES | {"more": 1}},
        {FBNET.example: SCORES | {"zen": "1"}},
        {FBNET.example: SCORES | {"params": None}},
    ],
)
def test_other_score_files_are_an_error_that_names_the_file(tmp_path, document):
    path = tmp_path / "zc.json"
    path.write_text(json.dumps(document))
    with pytest.raises(CorruptData, match=r"zc\.json"):
        nasflat.read([path], FBNET)


def test_evaluations_of_a_search(mirror):
    table = dynast.read([mirror / DYNAST / "mbnv3w10_evoga_acc.csv"], OFA, "0").values.to_pandas()
    trained = table[table["epochs"] == 180]
    assert len(trained) == 362
    assert set(trained["seed"]) == {"0"}
    first = table[table["arch"] == table["arch"][0]].set_index("epochs")
    assert first.loc[180, "supernet_acc"] == 75.448
    assert (first.loc[0, "params"], first.loc[0, "flops"]) == (5_029_656, 255_502_624)


def test_two_searches_differ_by_a_tenth_of_a_percent_at_most(mirror):
    files = [mirror / DYNAST / f"mbnv3w10_{name}.csv" for name in ("linasga_acc", "linasnsga2_acc_macs")]
    one, other = (dynast.read([path], OFA, "0").values.to_pandas().set_index(["arch", "epochs"]) for path in files)
    difference = (one["supernet_acc"] - other["supernet_acc"]).dropna().abs()
    assert len(difference) == 50
    assert 0 < difference.max() < 0.1


@pytest.mark.parametrize(
    "rows",
    [
        [f"{SUBNET},now,5,0,7,101"],
        [f"{SUBNET},now,5,0,7,x"],
        [f"{SUBNET},now,5,0,0,70"],
        [f"{SUBNET},now,5.5,0,7,70"],
        [f"{SUBNET},now,5,0,7,70", f"{SUBNET},now,5,0,7,71"],
        [SUBNET.replace("[224]", "[225]") + ",now,5,0,7,70"],
        ["__import__('os').getcwd(),now,5,0,7,70"],
    ],
)
def test_other_evaluations_are_an_error_that_names_the_file(tmp_path, rows):
    path = tmp_path / "search.csv"
    path.write_text("\n".join([HEADER, *rows]))
    with pytest.raises(CorruptData, match=r"search\.csv"):
        dynast.read([path], OFA, "0")
