"""What is made of what the checks, the tests and the people say of an item."""

import datetime as dt
import uuid
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clientflow_core.contributions.checks import CheckResult, CheckStatus
from clientflow_core.persistence.repositories.checklist import SignOff
from clientflow_host.checklist.answers import Answer, Known, Status, answer, answer_whole, summary
from clientflow_host.checklist.catalogue import Item
from clientflow_host.checklist.proofs import Proofs

NOW: Final = dt.datetime(2026, 11, 30, tzinfo=dt.UTC)
COMMIT: Final = "a" * 40


def item(proof: str, **more: Any) -> Item:
    whole = {"section": "A", "group": "b", "words": "it works", "expected": "all", **more}
    return Item(id="ZZ1", proof=proof, **whole)


def found(status: str, words: str = "it") -> CheckResult:
    return CheckResult(status=CheckStatus(status), found=words, expected="this", hint="do so")


def signed(**more: Any) -> SignOff:
    plain: dict[str, Any] = {
        "id": uuid.uuid4(),
        "item_id": "ZZ1",
        "signed_by": "Ada",
        "evidence": "ticket 7",
        "is_not_applicable": False,
        "signed_at": NOW - dt.timedelta(days=9),
        "expires_at": None,
        "revoked_at": None,
        "revoked_by": None,
        "revoked_because": None,
    }
    return SignOff(**(plain | more))


def proven(commit: str | None = COMMIT, **outcomes: str) -> Proofs:
    return Proofs(commit=commit, tests={"ZZ1": outcomes}, built=COMMIT)


def known(**more: Any) -> Known:
    plain: dict[str, Any] = {
        "checks": {},
        "plugins": frozenset(),
        "proofs": proven(None),
        "sign_offs": (),
        "now": NOW,
    }
    return Known(**(plain | more))


def checks(*results: CheckResult) -> dict[str, list[CheckResult]]:
    return {"ZZ1": list(results)}


PASSES: Final = {"passes": "passed"}


@pytest.mark.parametrize(
    ("proof", "what", "status"),
    [
        ("C", known(checks=checks(found("passed"))), Status.PASSED),
        ("C", known(checks=checks(found("passed"), found("failed"))), Status.FAILED),
        ("C", known(checks=checks(found("skipped"), found("passed"))), Status.PASSED),
        ("C", known(), Status.MISSING),
        ("T", known(proofs=proven(**PASSES)), Status.PASSED),
        ("T", known(proofs=proven(**PASSES, other="failed")), Status.FAILED),
        ("T", known(proofs=proven(only="skipped")), Status.UNPROVEN),
        ("T", known(proofs=proven()), Status.UNPROVEN),
        ("T", known(proofs=proven("b" * 40, **PASSES)), Status.UNPROVEN),
        ("F", known(), Status.UNPROVEN),
        ("S", known(), Status.NEEDS_SIGN_OFF),
        ("S", known(sign_offs=[signed()]), Status.PASSED),
        ("S", known(sign_offs=[signed(item_id="ZZ2")]), Status.NEEDS_SIGN_OFF),
        ("S", known(sign_offs=[signed(expires_at=NOW)]), Status.NEEDS_SIGN_OFF),
        ("S", known(sign_offs=[signed(is_not_applicable=True)]), Status.SKIPPED),
        ("C", known(checks=checks(found("failed")), sign_offs=[signed()]), Status.FAILED),
        ("C+T", known(checks=checks(found("passed"))), Status.UNPROVEN),
        ("C+T", known(checks=checks(found("passed")), proofs=proven(**PASSES)), Status.PASSED),
        ("C+T", known(checks=checks(found("skipped")), proofs=proven(**PASSES)), Status.SKIPPED),
        ("C+T", known(checks=checks(found("skipped")), proofs=proven(a="failed")), Status.FAILED),
        ("C+S", known(checks=checks(found("passed"))), Status.NEEDS_SIGN_OFF),
        ("C/S", known(checks=checks(found("passed"))), Status.PASSED),
        ("C/S", known(checks=checks(found("failed")), sign_offs=[signed()]), Status.FAILED),
        ("C/S", known(checks=checks(found("skipped"))), Status.NEEDS_SIGN_OFF),
        ("C/S", known(checks=checks(found("skipped")), sign_offs=[signed()]), Status.PASSED),
        ("T/S", known(), Status.UNPROVEN),
        ("T/S", known(sign_offs=[signed()]), Status.PASSED),
    ],
)
def test_an_item_is_answered_by_what_its_proofs_say(
    proof: str, what: Known, status: Status
) -> None:
    given_answer = answer(item(proof), what)
    assert given_answer.status is status
    if status not in {Status.PASSED, Status.SKIPPED}:
        assert given_answer.hint


def test_only_what_may_be_signed_is_answered_by_a_signature() -> None:
    waved_off = known(checks=checks(found("failed")), sign_offs=[signed(is_not_applicable=True)])
    assert answer(item("C"), waved_off).status is Status.FAILED
    assert answer(item("C/S"), waved_off).status is Status.SKIPPED


def test_item_of_a_plugin_that_is_off_does_not_apply_whatever_else_is_said() -> None:
    off = answer(item("C", plugin="stripe"), known(checks=checks(found("failed"))))
    assert (off.status, off.found) == (Status.SKIPPED, "the plugin stripe is not enabled")
    on = known(checks=checks(found("failed")), plugins=frozenset({"stripe"}))
    assert answer(item("C", plugin="stripe"), on).status is Status.FAILED


def test_what_is_not_built_is_missing_and_never_passed_for_it() -> None:
    fine = known(checks=checks(found("passed")))
    lacking = answer(item("C", missing="There is no such thing."), fine)
    assert (lacking.status, lacking.hint) == (Status.MISSING, "There is no such thing.")


def test_signature_that_was_good_says_why_it_is_not() -> None:
    gone = signed(revoked_at=NOW, revoked_by="Bob", revoked_because="it was another build")
    assert (
        "Bob has revoked it: it was another build"
        in answer(item("S"), known(sign_offs=[gone])).found
    )
    old = answer(item("S"), known(sign_offs=[signed(expires_at=NOW - dt.timedelta(1))]))
    assert old.found == "what Ada signed has expired"
    assert "clientflow checklist sign ZZ1" in old.hint
    again = answer(item("S"), known(sign_offs=[signed(), gone]))
    assert again.status is Status.PASSED


def test_newest_good_signature_counts() -> None:
    newest = signed(evidence="new", expires_at=NOW + dt.timedelta(30))
    found_words = answer(item("S"), known(sign_offs=[newest, signed(evidence="old")])).found
    assert found_words == "signed by Ada until 2026-12-30: new"


@given(st.lists(st.sampled_from(Status)))
def test_whole_is_as_good_as_its_worst_item(statuses: list[Status]) -> None:
    others = [
        Answer(id=f"YY{i}", status=one, found="", expected="", hint="")
        for i, one in enumerate(statuses)
    ]
    whole = answer_whole(item("C"), others)
    assert not any(one.is_worse_than(whole.status) for one in statuses if one is not Status.SKIPPED)
    assert whole.status in {Status.PASSED, *statuses}
    assert whole.found == summary(statuses)
