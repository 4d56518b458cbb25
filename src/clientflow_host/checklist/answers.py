"""What the answer to an item is, given what its proofs say. Nothing is asked of anybody here."""

import datetime as dt
import enum
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import attrs

from clientflow_core.contributions.checks import CheckResult, CheckStatus
from clientflow_core.persistence.repositories.checklist import SignOff
from clientflow_host.checklist.catalogue import Item, Proof
from clientflow_host.checklist.proofs import Proofs, Proven


class Status(enum.StrEnum):
    """How an item is answered, the best first.

    *skipped* does not apply here; *unproven* has no result of the tests for this build; *missing*
    is not built yet.
    """

    PASSED = "passed"
    SKIPPED = "skipped"
    NEEDS_SIGN_OFF = "needs_sign_off"
    UNPROVEN = "unproven"
    MISSING = "missing"
    FAILED = "failed"

    @property
    def words(self) -> str:
        """What is shown to people."""
        return self.value.replace("_", " ").replace("sign off", "sign-off")

    def is_worse_than(self, other: "Status") -> bool:
        """Tell whether there is more to do than for *other*."""
        return _ORDER.index(self) > _ORDER.index(other)


_ORDER: Final = tuple(Status)
# Of several proofs that are all needed: one that does not apply makes the item not apply.
_DECIDES: Final = (
    Status.FAILED,
    Status.SKIPPED,
    Status.MISSING,
    Status.UNPROVEN,
    Status.NEEDS_SIGN_OFF,
    Status.PASSED,
)
_OF_CHECK: Final = {
    CheckStatus.PASSED: Status.PASSED,
    CheckStatus.FAILED: Status.FAILED,
    CheckStatus.SKIPPED: Status.SKIPPED,
}
TO_PROVE: Final = (
    "Run `python3 run.py test` on this commit, or install a wheel made by `nox -s build` after it."
)


@attrs.frozen(kw_only=True)
class Answer:
    """How an item is answered.

    Attributes:
        id: the item's.
        status: how.
        found: what there is.
        expected: what should be.
        hint: what to do about it; may be empty.
    """

    id: str
    status: Status
    found: str
    expected: str
    hint: str


@attrs.frozen(kw_only=True)
class Known:
    """What is known when the items are answered.

    Attributes:
        checks: for each item what its checks have found.
        plugins: the names of the enabled ones.
        proofs: of the tests.
        sign_offs: the newest first.
        now: this moment.
    """

    checks: Mapping[str, Sequence[CheckResult]]
    plugins: frozenset[str]
    proofs: Proofs
    sign_offs: Sequence[SignOff]
    now: dt.datetime


def answer(item: Item, known: Known) -> Answer:
    """Answer *item*."""
    not_needed = _not_applicable(item, known)
    if not_needed is not None:
        return not_needed
    if item.missing is not None:
        return _answer(item, Status.MISSING, found="not built yet", hint=item.missing)
    parts = [_part(item, proof, known) for proof in item.proofs]
    return _first_that_can(parts) if item.is_either else _all_of(parts)


def answer_whole(item: Item, answers: Iterable[Answer]) -> Answer:
    """Answer the item that asks whether all others are done."""
    others = [one.status for one in answers if one.id != item.id]
    worst = max(others, key=_ORDER.index, default=Status.PASSED)
    status = Status.PASSED if worst is Status.SKIPPED else worst
    hint = "" if status is Status.PASSED else "Answer the others; each says how."
    return _answer(item, status, found=summary(others), hint=hint)


def summary(statuses: Iterable[Status]) -> str:
    """Count *statuses*, in words."""
    found = list(statuses)
    counts = ((one, found.count(one)) for one in _ORDER)
    return ", ".join(f"{count} {status.words}" for status, count in counts if count)


def _not_applicable(item: Item, known: Known) -> Answer | None:
    if item.plugin is not None and item.plugin not in known.plugins:
        hint = f"It is about the plugin {item.plugin}: set what it needs (docs: Settings)."
        found = f"the plugin {item.plugin} is not enabled"
        return _answer(item, Status.SKIPPED, found=found, hint=hint)
    signed = _good_sign_off(item, known)
    if signed is None or not signed.is_not_applicable:
        return None
    found = f"does not apply, says {signed.signed_by}"
    return _answer(item, Status.SKIPPED, found=found, hint=signed.evidence)


def _part(item: Item, proof: Proof, known: Known) -> Answer:
    match proof:
        case Proof.CHECK:
            return _checked(item, known.checks.get(item.id, ()))
        case Proof.TEST | Proof.FILE:
            return _tested(item, known.proofs)
        case Proof.SIGN_OFF:
            return _signed(item, known)


def _checked(item: Item, results: Sequence[CheckResult]) -> Answer:
    if not results:
        return _answer(item, Status.MISSING, found="not built yet", hint="Nothing checks it yet.")
    # What one cannot tell, another may.
    order = (CheckStatus.SKIPPED, CheckStatus.PASSED, CheckStatus.FAILED)
    worst = max(results, key=lambda one: order.index(one.status))
    return Answer(
        id=item.id,
        status=_OF_CHECK[worst.status],
        found=worst.found,
        expected=worst.expected,
        hint=worst.hint,
    )


def _tested(item: Item, proofs: Proofs) -> Answer:
    proof = proofs.of(item.id)
    match proof.proven:
        case Proven.YES:
            return _answer(item, Status.PASSED, found=proof.found, hint="")
        case Proven.NO:
            hint = "Mend what the tests have found; this build is not fit."
            return _answer(item, Status.FAILED, found=proof.found, hint=hint)
        case Proven.UNKNOWN:
            return _answer(item, Status.UNPROVEN, found=proof.found, hint=TO_PROVE)


def _signed(item: Item, known: Known) -> Answer:
    signed = _good_sign_off(item, known)
    if signed is not None:
        until = f" until {signed.expires_at:%Y-%m-%d}" if signed.expires_at else ""
        found = f"signed by {signed.signed_by}{until}: {signed.evidence}"
        return _answer(item, Status.PASSED, found=found, hint="")
    hint = f"`clientflow checklist sign {item.id} --by NAME --evidence WHERE [--expires DATE]`"
    return _answer(item, Status.NEEDS_SIGN_OFF, found=_last_signature(item, known), hint=hint)


def _last_signature(item: Item, known: Known) -> str:
    last = next((one for one in known.sign_offs if one.item_id == item.id), None)
    if last is None:
        return "nobody has signed it"
    if last.revoked_at is not None:
        return f"{last.revoked_by} has revoked it: {last.revoked_because}"
    return f"what {last.signed_by} signed has expired"


def _good_sign_off(item: Item, known: Known) -> SignOff | None:
    if not item.may_be_signed:
        return None
    mine = (one for one in known.sign_offs if one.item_id == item.id)
    return next((one for one in mine if one.is_good(at=known.now)), None)


def _first_that_can(parts: Sequence[Answer]) -> Answer:
    """Take the first proof that gives an answer; where none does, what could not be told."""
    for part in parts:
        if part.status in {Status.PASSED, Status.FAILED}:
            return part
    first, last = parts[0], parts[-1]
    if first.status is Status.SKIPPED:
        hint = f"{first.hint.rstrip('.')}. Or sign it: {last.hint}"
        return attrs.evolve(last, found=f"{first.found}; {last.found}", hint=hint)
    return first


def _all_of(parts: Sequence[Answer]) -> Answer:
    decisive = min(parts, key=lambda one: _DECIDES.index(one.status))
    if decisive.status is not Status.PASSED:
        return decisive
    return attrs.evolve(decisive, found="; ".join(part.found for part in parts))


def _answer(item: Item, status: Status, *, found: str, hint: str) -> Answer:
    return Answer(id=item.id, status=status, found=found, expected=item.expected, hint=hint)
