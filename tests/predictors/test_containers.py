"""Numbers out of every container that users have: the same values, missing ones as NaN, everything else refused."""

from __future__ import annotations

import collections
import datetime
import math
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from predictors.containers import as_numbers
from predictors.errors import InvalidValues
from predictors.inputs import aligned, as_floats, as_scalar, as_vector

torch = pytest.importorskip("torch", reason="the extra nas-proxybench[torch] is not installed")

NAN = math.nan

COMPLETE = {
    "tuple": tuple,
    "generator": lambda values: (value for value in values),
    "deque": collections.deque,
    "values of a dict": lambda values: dict(enumerate(values)).values(),
    "fractions": lambda values: [Fraction(value) for value in values],
    "decimals": lambda values: [Decimal(value) for value in values],
    "NumPy scalars": lambda values: [np.float64(value) for value in values],
    "array": np.array,
    "array of the other byte order": lambda values: np.array(values, dtype=">f8"),
    "longer floats": lambda values: np.array(values, dtype=np.longdouble),
    "object array": lambda values: np.array(values, dtype=object),
    "every second": lambda values: np.repeat(values, 2)[::2],
    "masked array": lambda values: np.ma.array(values, mask=np.zeros(len(values), dtype=bool)),
    "Series": lambda values: pd.Series(values, dtype=np.float64),
    "object Series": lambda values: pd.Series(values, dtype=object),
    "nullable Series": lambda values: pd.Series(values, dtype="Float64"),
    "Arrow Series": lambda values: pd.Series(values, dtype="double[pyarrow]"),
    "sparse Series": lambda values: pd.Series(pd.arrays.SparseArray(values, dtype=np.float64)),
    "categories": lambda values: pd.Categorical(values),
    "Index": lambda values: pd.Index(values, dtype=np.float64),
    "Arrow array": lambda values: pa.array(values, type=pa.float64()),
    "Arrow chunks": lambda values: pa.chunked_array([values[:1], values[1:]], type=pa.float64()),
    "Arrow dictionary": lambda values: pa.array(values, type=pa.float64()).dictionary_encode(),
    "tensor": lambda values: torch.tensor(values, dtype=torch.float64),
    "tensor with gradient": lambda values: torch.tensor(values, dtype=torch.float64, requires_grad=True),
    "list of tensors": lambda values: [
        torch.tensor(value, dtype=torch.float64, requires_grad=True) for value in values
    ],
    "sparse tensor": lambda values: torch.tensor(values, dtype=torch.float64).to_sparse(),
}
"""What makes a container of a list of floats."""


@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=6, unique=True))
def test_a_container_does_not_change_the_numbers(values: list[float]) -> None:
    for name, make in COMPLETE.items():
        found = as_floats(make(values))
        assert (name, found.dtype, found.tolist()) == (name, np.float64, values)


GAPS = {
    "None": [1.0, None, 3.0],
    "integers and None": [1, None, 3],
    "NaN of Decimal": [1, Decimal("sNaN"), 3],
    "a masked element": [1.0, np.ma.masked, 3.0],
    "masked array": np.ma.array([1, 2**62, 3], mask=[False, True, False]),
    "masked text": np.ma.array([1, "hidden", 3], mask=[False, True, False], dtype=object),
    "pandas.NA": [1.0, pd.NA, 3.0],
    "NaT": np.array([1, pd.NaT, 3], dtype=object),
    "nullable integers": pd.Series([1, None, 3], dtype="Int64"),
    "nullable floats": pd.array([1, None, 3], dtype="Float64"),
    "nullable booleans": pd.Series([True, None, True], dtype="boolean"),
    "Arrow integers": pd.Series([1, None, 3], dtype="int64[pyarrow]"),
    "Arrow decimals": pd.Series([Decimal(1), None, Decimal(3)], dtype=pd.ArrowDtype(pa.decimal128(9, 2))),
    "categories": pd.Series([1, None, 3], dtype="category"),
    "null": pa.array([1, None, 3]),
    "null in chunks": pa.chunked_array([[1], [None, 3]]),
}


@pytest.mark.parametrize("name", GAPS)
def test_what_is_missing_becomes_nan(name: str) -> None:
    last = 1.0 if "boolean" in name else 3.0
    np.testing.assert_array_equal(as_floats(GAPS[name]), [1.0, NAN, last])


class Milliseconds:
    """A quantity as packages of units have it: NumPy can read it, and drops the unit."""

    units = "ms"

    def __array__(self, dtype=None, copy=None):
        return np.array([1.0, 2.0])


REFUSED = {
    "text": (["1", "2"], "'1' is of type str"),
    "one text": ("12", "not a str"),
    "text among numbers": ([1.0, "2"], "'2' is of type str"),
    "an array of text": (np.array(["1"]), "not text"),
    "bytes": (np.array([b"1"]), "not bytes"),
    "a column of text": (pd.Series(["1"]), "'1' is of type str"),
    "Arrow text": (pa.array(["1"]), "'1' is of type str"),
    "categories of text": (pd.Categorical(["low", "high"]), "is of type str"),
    "complex numbers": ([1 + 0j], "complex"),
    "a complex array": (np.array([1j]), "not complex numbers"),
    "a complex tensor": (torch.tensor([1j]), "not complex numbers"),
    "dates": (pd.Series(pd.to_datetime(["2024-01-01"])), "not dates"),
    "dates with a zone": (pd.Series(pd.to_datetime(["2024-01-01"]).tz_localize("UTC")), "not dates"),
    "days": ([datetime.date(2024, 1, 1)], "of type date"),
    "durations": (np.array([1], dtype="m8[s]"), "not durations"),
    "durations in a list": ([np.timedelta64(1, "s")], "timedelta64"),
    "named fields": (np.zeros(2, dtype=[("a", float)]), "named fields"),
    "a set": ({1.0, 2.0}, "not a set"),
    "a mapping": ({"a": 1.0}, "not a dict"),
    "rows of two lengths": ([[1.0], [1.0, 2.0]], "rows of one length"),
    "a tensor without values": (torch.empty(2, device="meta"), "without values"),
    "a quantity": (Milliseconds(), "unit 'ms'"),
    "something else": (object(), "of type object"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_real_number_is_refused(name: str) -> None:
    values, message = REFUSED[name]
    with pytest.raises(InvalidValues, match=message):
        as_floats(values)


TOO_LARGE = {
    "a list": [2**53 + 1, 1],
    "beyond 64 bits": [2**70],
    "among floats": [2**60 + 1, 0.5],
    "of both signs": [2**63, -1],
    "an array": np.array([2**60 + 1]),
    "negative": np.array([-(2**60)]),
    "unsigned": np.array([2**63], dtype=np.uint64),
    "nullable": pd.Series([2**60, None], dtype="Int64"),
    "Arrow": pa.array([2**60, None]),
    "categories": pd.Categorical([2**60]),
    "a tensor": torch.tensor([2**60]),
}


@pytest.mark.parametrize("name", TOO_LARGE)
def test_integers_that_float64_cannot_distinguish_are_refused(name: str) -> None:
    with pytest.raises(InvalidValues, match="beyond 2\\^53"):
        as_floats(TOO_LARGE[name])


def test_integers_of_53_bits_are_kept() -> None:
    for values in ([2**53, -(2**53)], np.array([2**53, -(2**53)]), torch.tensor([2**53, -(2**53)])):
        assert as_floats(values).tolist() == [9007199254740992.0, -9007199254740992.0]


def test_short_floats_of_torch_are_read_exactly() -> None:
    for dtype in (torch.bfloat16, torch.float16, torch.float32):
        assert as_floats(torch.tensor([0.5, -3.0], dtype=dtype)).tolist() == [0.5, -3.0]


def test_integers_may_stay_integers() -> None:
    large = as_numbers([2**60, 2**60 + 1])
    assert large.dtype == np.int64
    assert int(large[1]) - int(large[0]) == 1


def test_tables_keep_their_shape() -> None:
    expected = [[1.0, 3.0], [NAN, 4.0]]
    frame = pd.DataFrame({"a": pd.array([1, None], dtype="Int64"), "b": [3.0, 4.0]})
    tables = [
        frame,
        pa.table({"a": [1, None], "b": [3.0, 4.0]}),
        [[1, 3], [None, 4]],
        [np.ma.array([1, 3]), np.ma.array([9, 4], mask=[True, False])],
        np.array([[1, 3], [None, 4]], dtype=object),
    ]
    for table in tables:
        np.testing.assert_array_equal(as_floats(table), expected)


def test_a_vector_and_a_number_have_one_shape() -> None:
    with pytest.raises(InvalidValues, match=r"shape \(3, 1\); take its only column"):
        as_vector(np.zeros((3, 1)))
    with pytest.raises(InvalidValues, match=r"y must be a vector, but has shape \(\)"):
        as_vector(3.0, "y")
    with pytest.raises(InvalidValues, match=r"must be one number, but has shape \(1,\)"):
        as_scalar([1.0])
    assert as_scalar(torch.tensor(2.5, requires_grad=True)) == as_scalar(Decimal("2.5")) == as_scalar(np.float16(2.5))
    assert math.isnan(as_scalar(None))


def test_a_float64_array_is_not_copied() -> None:
    values = np.arange(3.0)
    assert as_floats(values) is values
    assert aligned(a=values, b=[1, 2])[0] is values


def test_columns_of_polars() -> None:
    polars = pytest.importorskip("polars", reason="polars is not installed")
    np.testing.assert_array_equal(as_floats(polars.Series([1, None])), [1.0, NAN])
    np.testing.assert_array_equal(as_floats(polars.DataFrame({"a": [1, None], "b": [2.0, 3.0]})), [[1, 2], [NAN, 3]])
    with pytest.raises(InvalidValues, match="of type str"):
        as_floats(polars.Series(["1"]))
