"""The importer of the Accel-NASBench tar."""

from __future__ import annotations

import io
import json
import tarfile

import pytest

from proxybench.errors import CorruptData
from proxybench.spaces import get_space
from proxybench.tables.importers.accel_nasbench import read

SPACE = get_space("mnasnet")
FILE = "afzalxo/Accel-NASBench/42603572d530310e6bac7191d00cf45625a6b197/anb_dataset/anb_dataset_jsons.tar.gz"
FIRST = "e6k3l1se0-e4k5l2se0-e6k3l3se0-e6k5l3se0-e6k5l2se0-e1k3l2se0-e1k3l2se0"  # result_0.json
BLOCKS = {f"block{block}_{key}": value for block in range(7) for key, value in zip("ekl", (6, 3, 1), strict=True)}
RESULT = {
    "architecture": BLOCKS | {f"block{block}_se": False for block in range(7)},
    "metrics": {"val_top1": 59.368, "val_top5": 82.636, "train_time": 2660.5},
    "model_info": {"macs": 415.361072, "params": 2.50116},
    "platform_perf": {
        "latency_zcu102": {"latency_mean": 5.0234, "latency_std": None},
        "throughput_tpuv2": {"throughput_mean": None, "throughput_std": None},
    },
}


def read_results(tmp_path, results):
    path = tmp_path / "results.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name, document in results:
            data = json.dumps(document).encode()
            member = tarfile.TarInfo(f"./results/{name}")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return read([path], SPACE)


@pytest.fixture(scope="module")
def published(mirror):
    return read([mirror / FILE], SPACE)


def test_there_are_5138_trainings_of_5125_networks(published):
    table = published.values.to_pandas()
    trained = table[table["epochs"] == 16]
    assert len(trained) == 5_138
    assert trained["arch"].nunique() == 5_125
    assert trained["seed"].value_counts().to_dict() == {"0": 5_125, "1": 13}
    assert published.notes[0].startswith("5138 trainings of 5125 architectures: 13 ")


def test_a_network_trained_twice_has_both_accuracies_and_its_first_measurements(published):
    table = published.values.to_pandas().set_index(["arch", "epochs", "seed"]).sort_index().loc[FIRST]
    # result_0.json and result_443.json
    assert table.loc[(16, "0"), "val_acc"] == 59.368
    assert table.loc[(16, "1"), "val_acc"] == 59.248
    assert table.loc[(0, ""), "latency_ms@zcu102"] == 5.023423633627983
    assert table.loc[(0, ""), "params"] == 2_501_160
    assert table.loc[(0, ""), "flops"] == 415_361_072


def test_what_was_not_measured_is_null(published):
    table = published.values.to_pandas()
    columns = [name for name in table if "@" in name]
    measured = table[table["epochs"] == 0][columns].notna().sum().to_dict()
    assert sorted(measured) == [
        *("latency_ms@vck190", "latency_ms@zcu102", "throughput@3090", "throughput@a100"),
        *("throughput@tpuv2", "throughput@tpuv3", "throughput@vck190", "throughput@zcu102"),
    ]
    assert measured["throughput@a100"] == 5_125
    # the file has 44 nulls for TPUv3 and 2 for the ZCU102, none of them in a repeated training
    assert measured["throughput@tpuv3"] == 5_125 - 44
    assert measured["latency_ms@zcu102"] == 5_125 - 2


def test_rows_of_one_result(tmp_path):
    trained, untrained = read_results(tmp_path, [("result_0.json", RESULT)]).values.to_pylist()
    assert (trained["dataset"], trained["epochs"], trained["seed"]) == ("imagenet", 16, "0")
    assert (trained["val_acc"], trained["val_top5"], trained["train_s"]) == (59.368, 82.636, 2660.5)
    assert (untrained["epochs"], untrained["seed"]) == (0, "")
    assert (untrained["params"], untrained["flops"]) == (2_501_160, 415_361_072)
    assert (untrained["latency_ms@zcu102"], untrained["throughput@tpuv2"]) == (5.0234, None)


def test_trainings_are_numbered_by_file_number_not_by_place_in_the_archive(tmp_path):
    later = RESULT | {"metrics": RESULT["metrics"] | {"val_top1": 60.0}}
    rows = read_results(tmp_path, [("result_10.json", later), ("result_9.json", RESULT)]).values.to_pylist()
    assert {row["seed"]: row["val_acc"] for row in rows if row["epochs"]} == {"0": 59.368, "1": 60.0}


@pytest.mark.parametrize(
    "change",
    [
        {"architecture": BLOCKS},
        {"architecture": RESULT["architecture"] | {"block0_e": 5}},
        {"architecture": RESULT["architecture"] | {"block0_e": "6"}},
        {"architecture": RESULT["architecture"] | {"block7_e": 6}},
        {"metrics": {"val_top1": 59.0}},
        {"metrics": RESULT["metrics"] | {"val_top1": "59"}},
        {"metrics": RESULT["metrics"] | {"val_top1": 5900}},
        {"model_info": None},
        {"platform_perf": {"energy_zcu102": {}}},
        {"platform_perf": {"latency_zcu102": {}}},
    ],
)
def test_other_documents_are_an_error_that_names_the_member(tmp_path, change):
    with pytest.raises(CorruptData, match=r"results\.tar\.gz.*result_3\.json"):
        read_results(tmp_path, [("result_3.json", RESULT | change)])


def test_another_member_name_is_an_error(tmp_path):
    with pytest.raises(CorruptData, match=r"other\.json"):
        read_results(tmp_path, [("other.json", RESULT)])
