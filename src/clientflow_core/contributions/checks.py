"""What a plugin can tell of the running system: whether what it needs is really there."""

import enum
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

import attrs

from clientflow_core.contributions.checking import LONGEST_NAME, is_async, is_deadline
from clientflow_core.contributions.context import PluginContext

if TYPE_CHECKING:
    import aiohttp

# An item of the production deployment checklist, or a name of the plugin's own.
_ID: Final = r"[A-Z]{1,4}[0-9]{1,3}|[a-z][a-z0-9]*(-[a-z0-9]+)*"


class CheckStatus(enum.StrEnum):
    """How a check has ended. Skipped: it does not apply, or cannot be told."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


@attrs.frozen(kw_only=True)
class CheckResult:
    """What a check has found.

    Attributes:
        found: what is there; never with a secret.
        expected: what should be.
        hint: what to do about it, or why it was skipped; may be empty where it passed.
    """

    status: CheckStatus = attrs.field(converter=CheckStatus)
    found: str = attrs.field(validator=attrs.validators.instance_of(str))
    expected: str = attrs.field(validator=attrs.validators.instance_of(str))
    hint: str = attrs.field(default="", validator=attrs.validators.instance_of(str))


def passed(found: str, *, expected: str, hint: str = "") -> CheckResult:
    """Say that all is well; a *hint* may tell what would be better still."""
    return CheckResult(status=CheckStatus.PASSED, found=found, expected=expected, hint=hint)


def failed(found: str, *, expected: str, hint: str) -> CheckResult:
    """Say what is wrong, and what to do about it."""
    return CheckResult(status=CheckStatus.FAILED, found=found, expected=expected, hint=hint)


def skipped(found: str, *, expected: str, hint: str) -> CheckResult:
    """Say that it does not apply or cannot be told, and why."""
    return CheckResult(status=CheckStatus.SKIPPED, found=found, expected=expected, hint=hint)


@attrs.frozen(kw_only=True)
class CheckContext(PluginContext):
    """What a check works with.

    Attributes:
        http: the shared session, for what no method of a provider tells. Never close it.
        public_url: where the world reaches the host, without a slash at the end.
    """

    http: "aiohttp.ClientSession"
    public_url: str


@attrs.frozen(kw_only=True)
class CheckSpec:
    """A check of the running system, run by ``clientflow checklist``. It changes nothing.

    What the fix does may be done again, and takes nothing from anybody: it is offered where the
    check has failed, and done when a person says yes.

    Attributes:
        id: lower case with dashes, or the item of the production deployment checklist that it
            answers, such as ``ET3``; must stay the same.
        title: one line, for people.
        run: does it. What it raises is a failure that names the plugin.
        deadline_seconds: one that takes longer has failed; at most 60.
        fix: mends what the check has found, and gives a sentence on what it did. It has the same
            deadline.
        fix_title: what the fix would do, such as "Set the number's address for texts".
    """

    id: str = attrs.field(
        validator=attrs.validators.and_(
            attrs.validators.matches_re(_ID), attrs.validators.max_len(LONGEST_NAME)
        )
    )
    title: str = attrs.field(validator=attrs.validators.min_len(1))
    run: Callable[[CheckContext], Awaitable[CheckResult]] = attrs.field(validator=is_async)
    deadline_seconds: float = attrs.field(default=10.0, validator=is_deadline(60.0))
    fix: Callable[[CheckContext], Awaitable[str]] | None = attrs.field(
        default=None, validator=attrs.validators.optional(is_async)
    )
    fix_title: str = attrs.field(default="", validator=attrs.validators.instance_of(str))

    def __attrs_post_init__(self) -> None:
        if (self.fix is None) != (not self.fix_title):
            msg = f"the check {self.id!r} needs both a fix and a fix_title, or neither"
            raise ValueError(msg)
