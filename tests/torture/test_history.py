"""The checker finds every loss and every double that is planted, and no others."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.torture.history import FAIL, INFO, OK, Asked, History, Verdict


def compare(*, wanted: list[str], effects: list[str], tried: list[str] | None = None) -> Verdict:
    verdict = Verdict()
    verdict.compare("text", wanted=wanted, effects=effects, tried=tried or wanted)
    return verdict


def test_what_was_done_once_is_in_order() -> None:
    assert compare(wanted=["a", "b"], effects=["b", "a"]) == Verdict()


def test_loss_is_named() -> None:
    assert compare(wanted=["a", "b"], effects=["a"]).lost == ["no text: b"]


def test_double_is_named_with_its_count() -> None:
    verdict = compare(wanted=["a"], effects=["a", "a", "a"])
    assert verdict == Verdict(doubled=["3 times text: a"])


def test_effect_that_nobody_has_asked_for_is_named() -> None:
    verdict = compare(wanted=["a"], effects=["a", "b"])
    assert verdict == Verdict(problems=["text, and nobody asked for it: b"])


def test_what_was_never_answered_may_be_done_or_not() -> None:
    assert compare(wanted=[], effects=[], tried=["a"]) == Verdict()
    assert compare(wanted=[], effects=["a"], tried=["a"]) == Verdict()
    assert compare(wanted=[], effects=["a", "a"], tried=["a"]).doubled == ["2 times text: a"]


@settings(max_examples=50)
@given(st.sets(st.sampled_from("abcdefgh")), st.sets(st.sampled_from("abcdefgh")))
def test_every_planted_fault_is_found_and_nothing_else(lost: set[str], doubled: set[str]) -> None:
    names = list("abcdefgh")
    done = [name for name in names if name not in lost]
    verdict = compare(wanted=names, effects=[*done, *(doubled - lost)])
    assert verdict.lost == [f"no text: {name}" for name in sorted(lost)]
    assert verdict.doubled == [f"2 times text: {name}" for name in sorted(doubled - lost)]
    assert verdict.problems == []


@pytest.mark.parametrize(
    ("ours", "said"),
    [
        ({"s": "active"}, []),
        ({"s": "canceled"}, ["plan s is 'canceled' here, and 'active' there"]),
        ({}, ["plan s is None here, and 'active' there"]),
        ({"s": "active", "t": "x"}, ["plan t is 'x' here, and None there"]),
    ],
)
def test_copy_that_differs_is_named(ours: dict[str, str], said: list[str]) -> None:
    verdict = Verdict()
    verdict.compare_states("plan", wanted={"s": "active"}, found=ours)
    assert verdict.lost == said


def test_history_tells_what_was_acknowledged_and_what_was_tried(tmp_path: Path) -> None:
    history = History(tmp_path / "history.jsonl")
    for name, outcome in [("a", INFO), ("a", OK), ("b", FAIL), ("b", FAIL), ("c", INFO)]:
        history.add("send", name, outcome)
    history.add("other", "d", OK)
    asked = history.asked("send")
    assert asked == Asked(acknowledged=frozenset("a"), tried=frozenset("ac"), retries=2)
    assert history.asked("other").acknowledged == {"d"}


def test_repetition_of_what_was_acknowledged_is_no_retry() -> None:
    records = [{"name": "a", "outcome": OK}, {"name": "a", "outcome": OK}]
    assert Asked.of(records).retries == 0
