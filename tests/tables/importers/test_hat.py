"""The importer of HAT's latencies."""

from __future__ import annotations

import pytest

from proxybench.errors import CorruptData
from proxybench.spaces import get_space
from proxybench.tables.importers.hat import FIELDS, read

SPACE = get_space("configurations")
FOLDER = "mit-han-lab/hardware-aware-transformers/70e5a279d080670208249fdd98ed731fa9bcc466/latency_dataset"
HEADER = ",".join([*FIELDS, *(f"latency_{kind}_{part}" for kind in ("mean", "std") for part in ("encoder", "decoder"))])
ROW = "640,6,1877.5,5.5,512,6,1536.0,4.5,4.5,2.5,5.8,246.4,0.05,10.6"


def read_rows(tmp_path, lines):
    path = tmp_path / "latency.csv"
    path.write_text("\n".join([HEADER, *lines]))
    return read([path], SPACE, "wmt14-en-de", "xeon")


def test_a_published_file(mirror):
    fragment = read([mirror / FOLDER / "iwslt14deen_gpu_titanxp_all.csv"], SPACE, "iwslt14-de-en", "titanxp")
    table = fragment.values.to_pandas()
    assert len(table) == 1_998
    assert table["latency_ms@titanxp-decoder"].min() == 35.91399002075195
    assert table["config:encoder_layer_num"].unique().tolist() == [6]
    assert fragment.notes == ("2 of 2000 rows for titanxp on iwslt14-de-en repeat a description and were left out.",)


def test_one_network(tmp_path):
    fragment = read_rows(tmp_path, [ROW, ROW.replace("5.8", "5.9")])
    (row,) = fragment.values.to_pylist()
    assert SPACE.format(SPACE.parse(row["arch"])) == row["arch"]
    assert '"encoder_ffn_embed_dim_avg":1877.5' in row["arch"]
    assert (row["latency_ms@xeon-encoder"], row["latency_ms@xeon-decoder"]) == (5.8, 246.4)
    assert len(fragment.notes) == 1


@pytest.mark.parametrize(
    "line",
    [ROW.replace("5.8", "0"), ROW.replace("5.8", "nan"), ROW.replace("640", "x"), ROW.replace("640", "inf"), "1"],
)
def test_other_files_are_an_error_that_names_the_file(tmp_path, line):
    with pytest.raises(CorruptData, match=r"latency\.csv"):
        read_rows(tmp_path, [line])
