"""Names of methods: arguments in words, and who computed a score."""

from __future__ import annotations

import pytest

from proxybench.leaderboard.page.names import in_words, shown_name, split_source
from proxybench.leaderboard.page.sources import is_ours, label_in_task, name_of, own_tasks
from proxybench.leaderboard.ranks.entries import Entry, entries_of


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ("{}", ""),
        ("", ""),
        ('{"columns":false}', "graph only"),
        ('{"bayesian":false,"encoding":"","totals":true}', "no bayesian, no encoding, totals"),
        ('{"graphs":2,"min_leaf":0.5}', "graphs 2, min leaf 0.5"),
        ('{"loss":"hinge"}', "loss hinge"),
        ('{"broken', '{"broken'),
        ("[1]", "[1]"),
    ],
)
def test_arguments_are_words(params: str, words: str) -> None:
    assert in_words(params) == words


def test_a_method_with_arguments_is_one_line() -> None:
    assert shown_name("gbdt", '{"columns":false}') == "gbdt, graph only"
    assert shown_name("gbdt") == "gbdt"


@pytest.mark.parametrize(
    ("method", "parts"),
    [
        ("zen@proxybench", ("zen", "proxybench")),
        ("zen@suite-zero", ("zen", "suite-zero")),
        ("zen", ("zen", "")),
        ("val_acc@12", ("val_acc@12", "")),
        ("@proxybench", ("@proxybench", "")),
    ],
)
def test_the_source_of_a_score_is_the_word_after_the_sign(method: str, parts: tuple[str, str]) -> None:
    assert split_source(method) == parts


def only(record) -> Entry:
    (entry,) = entries_of([record])
    return entry


def test_within_a_task_scores_of_others_say_so(record) -> None:
    ours, theirs = only(record("zen@proxybench", 0.5)), only(record("zen", 0.5))
    named = only(record("zen@suite-zero", 0.5))
    assert [label_in_task(entry, ()) for entry in (ours, theirs, named)] == ["zen", "zen, published", "zen, suite-zero"]
    assert [is_ours(entry, ()) for entry in (ours, theirs, named)] == [True, False, False]
    assert {name_of(entry) for entry in (ours, theirs, named)} == {"zen"}


def test_in_the_suite_of_full_size_scores_plain_names_are_ours(record) -> None:
    own = own_tasks({"full-size": ["tiny"], "published": ["other"]})
    assert label_in_task(only(record("zen", 0.5)), own) == "zen"
    assert label_in_task(only(record("zen", 0.5, "other")), own) == "zen, published"


def test_predictors_and_references_have_no_source(record) -> None:
    curve = only(record("val_acc@1", 0.5, kind="predictor", n_train=2))
    assert (name_of(curve), is_ours(curve, ())) == ("val_acc@1", True)
    assert label_in_task(only(record("params", 0.5, kind="cost")), ()) == "params"
