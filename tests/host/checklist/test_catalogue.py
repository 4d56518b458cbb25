"""The 170 items; and that each of them has something that answers it, or says why not."""

import functools
import re
import tomllib
from collections import Counter
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Final

import pytest

from clientflow_core.registry.finding import Wanted, find_plugins
from clientflow_host.checklist.catalogue import Item, Proof, load_catalogue
from clientflow_host.checklist.checks import load_checks

TESTS: Final = Path(__file__).parents[2]
SOURCE: Final = TESTS.parents[1] / "shared" / "checklist.toml"
_MARK: Final = re.compile(r"\bproves\(([^)]*)\)")
# The item that is answered by all others.
WHOLE: Final = "FP1"


@functools.cache
def checked() -> AbstractSet[str]:
    """The items that a check answers: one of ours, or of a plugin that we ship."""
    plugins = find_plugins(Wanted()).plugins
    theirs = {spec.id for plugin in plugins for spec in plugin.contributions.checks}
    return {*load_checks(), *theirs, WHOLE}


@functools.cache
def proven() -> AbstractSet[str]:
    """The items that some test is marked to prove."""
    found = set[str]()
    for file in TESTS.rglob("test_*.py"):
        for ids in _MARK.findall(file.read_text("utf-8")):
            found |= set(re.findall(r'"([A-Z]+[0-9]+)"', ids))
    return found


def test_there_are_170_items_each_with_an_id_of_its_own() -> None:
    items = load_catalogue()
    assert len(items) == 170
    assert all(re.fullmatch(r"[A-Z]{2}[0-9]", item_id) for item_id in items)
    assert len({item.section for item in items.values()}) == 11
    assert max(Counter(item.words for item in items.values()).values()) <= 4


def test_items_are_those_of_the_checklist_that_lies_beside_the_project() -> None:
    if not SOURCE.exists():
        pytest.skip("the checklist does not lie beside the project")
    theirs = {one["id"]: one["item"] for one in tomllib.loads(SOURCE.read_text("utf-8"))["item"]}
    assert {item.id: item.words for item in load_catalogue().values()} == theirs


@pytest.mark.parametrize("item", load_catalogue().values(), ids=lambda item: item.id)
def test_every_item_has_its_proofs_or_says_what_is_missing(item: Item) -> None:
    source = load_catalogue()[item.same_as or item.id]
    lacks = [
        proof.name
        for proof, there in (
            (Proof.CHECK, source.id in checked()),
            (Proof.TEST, source.id in proven()),
            (Proof.FILE, source.id in proven()),
        )
        if proof in source.proofs and not there
    ]
    if source.missing is None:
        assert not lacks, f"{source.id} has no {lacks}: build it, or say what is missing"
    else:
        assert source.missing.endswith("."), "it is a sentence for people"


def test_what_tests_are_marked_to_prove_are_items_that_tests_can_prove() -> None:
    items = load_catalogue()
    for item_id in proven():
        by_tests = {Proof.TEST, Proof.FILE} & set(items[item_id].proofs)
        assert by_tests, f"{item_id} is not proven by tests"
        assert items[item_id].missing is None, f"{item_id} is proven, and said to be missing"


def test_same_as_leads_to_an_item_that_has_an_answer_of_its_own() -> None:
    items = load_catalogue()
    for item in items.values():
        if item.same_as is not None:
            assert items[item.same_as].same_as is None
