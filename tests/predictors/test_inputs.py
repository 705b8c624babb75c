"""What a pandas index says of the order of values: agreed with, warned of, or refused."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import KFold, cross_val_score

from predictors import ArchBatch, make
from predictors.checks import example_batch
from predictors.errors import IndexIgnored, InvalidValues
from predictors.inputs import aligned
from predictors.ranks import tau_b

LABELS = [7, 3, 5]
SHUFFLED = pd.Series([1.0, 2.0, 3.0], index=LABELS)


@pytest.fixture
def frame() -> pd.DataFrame:
    """Forty architectures with a column and targets, its rows shuffled and their old labels kept."""
    batch, targets = example_batch(40)
    whole = pd.DataFrame({"arch": list(batch.archs), "cost": batch.column("cost:params"), "y": targets})
    return whole.sample(frac=1, random_state=0)


class TestArguments:
    def test_an_index_next_to_plain_values_is_warned_of_at_the_line_of_the_user(self) -> None:
        with pytest.warns(IndexIgnored, match="first has a pandas index other than 0 to n - 1") as caught:
            assert aligned(first=SHUFFLED, second=[4, 5, 6])[0].tolist() == [1.0, 2.0, 3.0]
        assert caught[0].filename == __file__

    def test_two_indices_must_be_equal(self) -> None:
        with pytest.raises(InvalidValues, match="first and third have different pandas indices"):
            aligned(first=SHUFFLED, second=[1, 2, 3], third=SHUFFLED.sort_index())

    @pytest.mark.parametrize("labels", [LABELS, ["a", "b", "c"], [0, 1, 2]])
    def test_equal_indices_and_plain_ones_need_no_word(self, labels: list[object]) -> None:
        aligned(first=pd.Series([1.0, 2.0, 3.0], index=labels), second=pd.Series([3, 4, 5], index=labels))
        aligned(first=pd.Series([1.0, 2.0, 3.0]), second=[3, 4, 5])

    def test_ranks_look_too(self) -> None:
        with pytest.raises(InvalidValues, match="different pandas indices"):
            tau_b(SHUFFLED, SHUFFLED.sort_index())
        assert tau_b(SHUFFLED, SHUFFLED) == 1.0


class TestBatches:
    def test_columns_are_taken_by_position_with_a_warning(self, frame: pd.DataFrame) -> None:
        with pytest.warns(IndexIgnored, match="column 'cost' has a pandas index"):
            batch = ArchBatch(list(frame["arch"]), {"cost": frame["cost"]})
        expected = frame["cost"].to_numpy()
        rows = np.array([0, 1, 2])
        assert batch[rows].column("cost").tolist() == batch[:3].column("cost").tolist() == expected[:3].tolist()
        assert batch[expected > 0.5].column("cost").tolist() == expected[expected > 0.5].tolist()

    def test_labels_of_text_are_no_rows(self) -> None:
        batch, _ = example_batch(3)
        with pytest.warns(IndexIgnored):
            named = ArchBatch(batch.archs, {"a": pd.Series([1.0, 2.0, 3.0], index=["x", "y", "z"])})
        assert named[[2, 0]].column("a").tolist() == [3.0, 1.0]

    def test_architectures_of_the_same_frame_need_no_warning(self, frame: pd.DataFrame) -> None:
        batch = ArchBatch(frame["arch"], frame[["cost"]])
        assert batch.column("cost").tolist() == frame["cost"].tolist()
        assert list(batch) == frame["arch"].tolist()

    def test_two_columns_with_different_indices_are_refused(self, frame: pd.DataFrame) -> None:
        with pytest.raises(InvalidValues, match="column 'a' and column 'b' have different pandas indices"):
            ArchBatch(list(frame["arch"]), {"a": frame["cost"], "b": frame["cost"].sort_index()})
        with pytest.raises(InvalidValues, match="different pandas indices"):
            ArchBatch(frame["arch"], {"a": frame["cost"]}).with_columns(b=frame["cost"].sort_index())

    def test_a_mask_of_other_rows_is_refused(self, frame: pd.DataFrame) -> None:
        batch = ArchBatch(frame["arch"], {"cost": frame["cost"]})
        assert len(batch[frame["cost"] > 0.5]) == int((frame["cost"] > 0.5).sum())
        with pytest.raises(InvalidValues, match="a mask and the batch's columns"):
            batch[frame["cost"].sort_index() > 0.5]


class TestTargets:
    def test_those_of_the_same_frame_need_no_warning(self, frame: pd.DataFrame) -> None:
        batch = ArchBatch(frame["arch"], {"cost": frame["cost"]})
        model = make("ridge").fit(batch[:30], frame["y"][:30])
        expected = make("ridge").fit(batch[:30], frame["y"].to_numpy()[:30]).predict(batch)
        assert model.predict(batch).tolist() == expected.tolist()
        assert make("ridge", columns=False).fit(frame["arch"], frame["y"]).score(frame["arch"], frame["y"]) > 0

    def test_other_rows_than_the_columns_are_refused(self, frame: pd.DataFrame) -> None:
        batch = ArchBatch(frame["arch"], {"cost": frame["cost"]})
        for other in (frame["y"].sort_index(), frame["y"].reset_index(drop=True)):
            with pytest.raises(ValueError, match="y and the batch's columns have different pandas indices"):
                make("ridge").fit(batch, other)

    def test_an_order_of_their_own_is_warned_of(self, frame: pd.DataFrame) -> None:
        batch, _ = example_batch(40)
        with pytest.warns(IndexIgnored, match="y has a pandas index"):
            make("ridge").fit(batch, frame["y"])

    def test_rows_that_were_chosen_alike_need_no_warning(self, frame: pd.DataFrame) -> None:
        batch, targets = example_batch(40)
        y = pd.Series(targets)
        make("ridge").fit(batch[5:30], y[5:30])
        make("ridge").fit(batch[y > 1], y[y > 1])
        make("ridge").fit(batch[5:30][::2], pd.Series(targets[5:30][::2]))
        folds = KFold(3, shuffle=True, random_state=0)
        found = cross_val_score(make("ridge"), batch, y, cv=folds)
        assert found.tolist() == cross_val_score(make("ridge"), batch, targets, cv=folds).tolist()


class TestNames:
    """A batch whose rows are known by an index that its columns do not have, as those of a table are."""

    @pytest.fixture
    def named(self) -> tuple[ArchBatch, pd.Series]:
        batch, targets = example_batch(40)
        index = pd.Index([f"cell {row}" for row in range(40)])
        return batch.named_by(lambda: index), pd.Series(targets, index=index)

    def test_targets_of_the_same_names_need_no_warning(self, named: tuple[ArchBatch, pd.Series]) -> None:
        batch, y = named
        expected = make("ridge").fit(batch[5:30], y.to_numpy()[5:30]).predict(batch).tolist()
        for part in (batch, pickle.loads(pickle.dumps(batch)), batch.with_columns(**batch.columns)):
            assert make("ridge").fit(part[5:30], y[5:30]).predict(batch).tolist() == expected
        make("ridge").fit(batch[5:30][::2], y.iloc[5:30].iloc[::2])
        make("ridge").fit(batch[5:30], pd.Series(y.to_numpy())[5:30])
        make("ridge").fit(batch[5:30], pd.Series(y.to_numpy()[5:30]))

    def test_the_same_names_in_another_order_are_refused(self, named: tuple[ArchBatch, pd.Series]) -> None:
        batch, y = named
        with pytest.raises(ValueError, match="names different architectures from the batch"):
            make("ridge").fit(batch, y.sample(frac=1, random_state=0))

    def test_other_names_are_warned_of(self, named: tuple[ArchBatch, pd.Series]) -> None:
        batch, y = named
        with pytest.warns(IndexIgnored, match="y has a pandas index"):
            make("ridge").fit(batch, y.rename(lambda name: f"other {name}"))
