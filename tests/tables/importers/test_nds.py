"""The importer of the NDS sweeps, on small files in the documented format."""

from __future__ import annotations

import copy
import json
import zipfile

import pytest

from proxybench.errors import CorruptData, UnknownName
from proxybench.spaces import get_space
from proxybench.tables.importers.nds import read, space_of, sweeps_in

DARTS = get_space("nds-darts")
RESNET = get_space("nds-resnet")
RESNEXT = get_space("nds-resnext-a")
ENTRIES = [
    *(["sep_conv_3x3", 0], ["sep_conv_3x3", 1], ["none", 0], ["sep_conv_3x3", 0]),
    *(["sep_conv_3x3", 1], ["skip_connect", 0], ["skip_connect", 0], ["dil_conv_3x3", 2]),
]
GENOTYPE = dict.fromkeys(("normal", "reduce"), ENTRIES)
GENOTYPE |= {name: [2, 3, 4, 5] for name in ("normal_concat", "reduce_concat")}
CELL_NET = {"genotype": GENOTYPE, "width": 24, "depth": 12, "aux": False, "drop_prob": 0.0}
BLOCK_NET = {"block_type": "res_basic_block", "ds": [1, 12, 12, 12], "ws": [16, 24, 24, 40], "ss": [1, 1, 2, 2]}
BLOCK_NET |= {"bot_muls": [], "num_gs": []}
GROUPS_NET = {"block_type": "res_bottleneck_block", "ds": [1, 16, 1, 4], "ws": [16, 64, 128, 16], "ss": [1, 1, 2, 2]}
GROUPS_NET |= {"bot_muls": [0.0, 0.25, 0.25, 0.25], "num_gs": [1, 2, 1, 2]}


def job(net, **changes):
    return {
        "job_id": 17,
        "rng_seed": 1,
        "net": net,
        "optim": {"base_lr": 0.1, "wd": 5e-4, "max_ep": 3},
        "params": 351_234,
        "flops": 81_234_567,
        "min_test_top1": 8.0,
        "train_ep_top1": [60.0, 30.0, 9.5],
        "test_ep_top1": [55.0, 8.0, 8.25],
        "train_ep_loss": [1.6, 0.9, 0.3],
        "iter_time": 0.05,
        "prec_time": 1.0,
        "act_mem": 1.0,
        "exp_mem": 1.0,
    } | changes


def read_sweep(tmp_path, document, space=DARTS, sweep="DARTS", **args):
    path = tmp_path / f"{sweep}.json"
    path.write_text(json.dumps(document))
    return read([path], space, sweep=sweep, **args).values.to_pylist()


def test_a_training_gives_its_last_epoch_and_its_size(tmp_path):
    trained, untrained = read_sweep(tmp_path, [job(CELL_NET)])
    assert (trained["dataset"], trained["epochs"], trained["seed"]) == ("cifar10", 3, "1")
    assert (trained["test_acc"], trained["train_acc"], trained["train_loss"]) == (91.75, 90.5, 0.3)
    assert (untrained["epochs"], untrained["seed"]) == (0, "")
    assert (untrained["params"], untrained["flops"]) == (351_234, 81_234_567)


def test_the_genotype_is_written_with_width_and_depth(tmp_path):
    pairs = "[('sep_conv_3x3', 0), ('sep_conv_3x3', 1), ('none', 0), ('sep_conv_3x3', 0), " + (
        "('sep_conv_3x3', 1), ('skip_connect', 0), ('skip_connect', 0), ('dil_conv_3x3', 2)]"
    )
    expected = f"Genotype(normal={pairs}, normal_concat=[2, 3, 4, 5], reduce={pairs}, reduce_concat=[2, 3, 4, 5])"
    assert read_sweep(tmp_path, [job(CELL_NET)])[0]["arch"] == f"{expected} width=24 depth=12"


def test_training_time_is_null_without_a_batch_size(tmp_path):
    assert "train_s" not in read_sweep(tmp_path, [job(CELL_NET)])[0]


@pytest.mark.parametrize(("sweep", "iterations"), [("DARTS", 391), ("DARTS_in", 10_010)])
def test_training_time_counts_the_iterations_of_the_data_set(tmp_path, sweep, iterations):
    # 50,000 / 128 = 390.6; 1,281,167 / 128 = 10,009.1; three epochs
    trained = read_sweep(tmp_path, [job(CELL_NET)], sweep=sweep, batch_size=128)[0]
    assert trained["train_s"] == pytest.approx(0.05 * iterations * 3)


def test_a_sweep_on_imagenet_says_so(tmp_path):
    assert read_sweep(tmp_path, [job(CELL_NET)], sweep="DARTS_lr-wd_in")[0]["dataset"] == "imagenet"


def test_reruns_join_top_and_mid_and_keep_their_seeds(tmp_path):
    other = BLOCK_NET | {"ds": [1, 2, 2, 2]}
    document = {"top": [job(BLOCK_NET), job(BLOCK_NET, rng_seed=2, test_ep_top1=[9.0])], "mid": [job(other)]}
    rows = read_sweep(tmp_path, document, RESNET, "ResNet_reruns")
    trained = [(row["arch"][:18], row["seed"], row["test_acc"]) for row in rows if row["epochs"]]
    assert trained == [
        ("ds=[1, 12, 12, 12]", "1", 91.75),
        ("ds=[1, 12, 12, 12]", "2", 91.0),
        ("ds=[1, 2, 2, 2] ws", "1", 91.75),
    ]
    assert sum(row["epochs"] == 0 for row in rows) == 2


def test_block_networks_have_the_keys_of_their_space(tmp_path):
    assert read_sweep(tmp_path, [job(BLOCK_NET)], RESNET, "ResNet")[0]["arch"] == RESNET.example
    assert read_sweep(tmp_path, [job(GROUPS_NET)], RESNEXT, "ResNeXt-A")[0]["arch"] == RESNEXT.example


def test_the_other_names_of_multipliers_and_groups_are_read(tmp_path):
    net = {key: GROUPS_NET[key] for key in ("ds", "ws", "ss")}
    net |= {"bms": GROUPS_NET["bot_muls"], "gws": GROUPS_NET["num_gs"]}
    assert read_sweep(tmp_path, [job(net)], RESNEXT, "ResNeXt-A")[0]["arch"] == RESNEXT.example


def test_a_bottleneck_without_groups_has_one_group(tmp_path):
    net = GROUPS_NET | {"num_gs": []}
    assert read_sweep(tmp_path, [job(net)], RESNEXT, "ResNet-B")[0]["arch"].endswith("num_gs=[1, 1, 1, 1]")


def test_the_sweep_is_found_in_the_zip(tmp_path):
    path = tmp_path / "data.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("nds_data/DARTS.json", json.dumps([job(CELL_NET)]))
        archive.writestr("nds_data/ENAS.json", "not read")
    assert read([path], DARTS, sweep="DARTS").values.num_rows == 2
    with pytest.raises(UnknownName, match="DARTS"):
        read([path], DARTS, sweep="DART")


def test_the_same_training_twice_is_one_row(tmp_path):
    assert len(read_sweep(tmp_path, [job(CELL_NET), job(CELL_NET)])) == 2


def test_two_outcomes_of_one_architecture_and_seed_are_two_runs(tmp_path):
    other = job(BLOCK_NET, test_ep_top1=[1.0, 2.0, 50.0])
    rows = read_sweep(tmp_path, [job(BLOCK_NET), other, job(BLOCK_NET)], RESNET, "ResNet")
    assert [(row["seed"], row["test_acc"]) for row in rows if row["epochs"]] == [("1", 91.75), ("1.1", 50.0)]


def test_two_sizes_of_one_architecture_are_an_error_that_names_it(tmp_path):
    with pytest.raises(CorruptData, match=r"ds=\[1, 12, 12, 12\].*params 351234\.0 and 5\.0"):
        read_sweep(tmp_path, [job(BLOCK_NET), job(BLOCK_NET, params=5)], RESNET, "ResNet")


def test_the_sweeps_of_a_zip_and_their_spaces(tmp_path):
    path = tmp_path / "data.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("ResNet-B", "DARTS_fix-w-d", "ENAS_in"):
            archive.writestr(f"data/{name}.json", "[]")
    assert sweeps_in(path) == ["DARTS_fix-w-d", "ENAS_in", "ResNet-B"]
    assert [space_of(sweep) for sweep in sweeps_in(path)] == ["nds-darts", "nds-enas", "nds-resnext-a"]
    with pytest.raises(UnknownName, match="Did you mean 'DARTS'"):
        space_of("DART")


def broken_genotype(**changes):
    net = copy.deepcopy(CELL_NET)
    net["genotype"] |= changes
    return net


@pytest.mark.parametrize(
    "wrong",
    [
        job(BLOCK_NET),
        job(broken_genotype(normal=ENTRIES[:-1])),
        job(broken_genotype(normal=[["conv", 0], *ENTRIES[1:]])),
        job(broken_genotype(normal=[["sep_conv_3x3", 2], *ENTRIES[1:]])),
        job(broken_genotype(normal=[["sep_conv_3x3"], *ENTRIES[1:]])),
        job(broken_genotype(normal_concat=[])),
        job(broken_genotype(normal_concat="2345")),
        job(CELL_NET | {"width": "24 depth=1"}),
        job(CELL_NET | {"width": 0}),
        job(CELL_NET, rng_seed=None),
        job(CELL_NET, rng_seed="1"),
        job(CELL_NET, test_ep_top1=[]),
        job(CELL_NET, test_ep_top1=[101.0]),
        job(CELL_NET, params="many"),
        {"job_id": 17},
        "job",
    ],
)
def test_other_jobs_are_an_error_that_names_file_and_job(tmp_path, wrong):
    with pytest.raises(CorruptData, match=r"DARTS\.json.*job (17|0) of DARTS"):
        read_sweep(tmp_path, [wrong])


@pytest.mark.parametrize("document", [5, "x", {"top": []}, {"top": [], "mid": 1}])
def test_other_documents_are_an_error_that_names_the_file(tmp_path, document):
    with pytest.raises(CorruptData, match=r"DARTS\.json"):
        read_sweep(tmp_path, document)


def test_a_multiplier_in_a_space_without_bottlenecks_is_an_error(tmp_path):
    with pytest.raises(CorruptData, match="have no bot_muls"):
        read_sweep(tmp_path, [job(GROUPS_NET)], RESNET, "ResNet")
