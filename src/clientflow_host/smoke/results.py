"""What the smoke test has found, step by step."""

import datetime as dt
import enum
from collections.abc import Sequence
from typing import Any

import attrs


class StepStatus(enum.StrEnum):
    """How a step has ended. Missing: what it tries is not built."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"
    MISSING = "missing"


@attrs.frozen(kw_only=True)
class StepResult:
    """A step, and how it has ended.

    Attributes:
        name: what was tried.
        item: of the checklist, which it is part of.
        status: how it has ended.
        milliseconds: how long it took.
        found: what was there.
        hint: what to do about it; empty where it passed.
    """

    name: str
    item: str
    status: StepStatus = attrs.field(converter=StepStatus)
    milliseconds: int
    found: str
    hint: str = ""


@attrs.frozen(kw_only=True)
class Report:
    """A whole run.

    Attributes:
        url: what was tried.
        release: that answered there; empty where nothing did.
        steps: in their order.
    """

    url: str
    release: str
    started_at: dt.datetime
    finished_at: dt.datetime
    steps: Sequence[StepResult]

    @property
    def is_good(self) -> bool:
        """Whether nothing has failed."""
        return not any(step.status is StepStatus.FAILED for step in self.steps)

    def as_json(self) -> dict[str, Any]:
        """Give it as JSON has it."""
        moments = {"started_at": self.started_at, "finished_at": self.finished_at}
        return {
            "url": self.url,
            "release": self.release,
            "is_good": self.is_good,
            **{name: moment.isoformat() for name, moment in moments.items()},
            "steps": [attrs.asdict(step) | {"status": step.status.value} for step in self.steps],
        }


class StepEnded(Exception):
    """A step has ended in another way than it should.

    Args:
        found: what was there.
        hint: what to do about it.
        status: how it has ended.
    """

    def __init__(self, found: str, *, hint: str, status: StepStatus = StepStatus.FAILED) -> None:
        super().__init__(found)
        self.hint = hint
        self.status = status


def skip(found: str, *, hint: str) -> StepEnded:
    """Make what ends a step that cannot be tried here."""
    return StepEnded(found, hint=hint, status=StepStatus.SKIPPED)


def missing(found: str) -> StepEnded:
    """Make what ends a step whose subject is not built."""
    return StepEnded(found, hint="It is not built yet.", status=StepStatus.MISSING)
