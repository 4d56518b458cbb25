"""What came and went, newest first: calls to the sandboxes, and webhooks from them."""

import datetime as dt
import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

import attrs

from clientflow_core.sandbox import Answer, Call, Delivery, ProviderSandbox

_MOST_LINES: Final = 40
# Whoever is only told things, such as every trace, would else crowd the others out.
_MOST_OF_SILENT: Final = 3
# The middle of an id tells a person nothing.
_LONG_ID: Final = re.compile(r"\b([A-Z]{0,2}[0-9a-f]{4})[0-9a-f]{12,}\b")
_UNANSWERED: Final[Mapping[str, str]] = {
    Answer.TIMEOUT: "silence",
    Answer.CUT_BEFORE: "cut before it was taken",
    Answer.CUT_AFTER_ACCEPTANCE: "taken, then cut",
}


@attrs.frozen(kw_only=True)
class LogLine:
    """One thing that happened.

    Attributes:
        provider: its title.
        is_webhook: the sandbox called the business; else it was called.
        what: what was asked or told.
        outcome: what became of it, in a few words.
        is_bad: something went wrong, on purpose or not.
    """

    at: dt.datetime
    provider: str
    is_webhook: bool
    what: str
    outcome: str
    is_bad: bool


def read_log(sandboxes: Sequence[ProviderSandbox]) -> list[LogLine]:
    """Give the latest lines of all *sandboxes*, newest first."""
    lines = itertools.chain.from_iterable(map(_lines, sandboxes))
    return sorted(lines, key=lambda line: line.at, reverse=True)[:_MOST_LINES]


def _lines(box: ProviderSandbox) -> Iterator[LogLine]:
    most = _MOST_LINES if box.events() else _MOST_OF_SILENT
    for call in itertools.islice(reversed(box.calls), most):
        yield _of_call(box, call)
    for delivery in itertools.islice(reversed(box.sender.deliveries), _MOST_LINES):
        yield _of_delivery(box, delivery)


def _of_call(box: ProviderSandbox, call: Call) -> LogLine:
    path = urlsplit(call.path).path.removeprefix(f"/{box.name}")
    is_error = call.status is not None and call.status >= HTTPStatus.BAD_REQUEST
    return LogLine(
        at=call.at,
        provider=box.title,
        is_webhook=False,
        what=f"{call.method} {_shorten(path)}",
        outcome=_outcome(call),
        is_bad=call.fault is not None or is_error,
    )


def _outcome(call: Call) -> str:
    if call.fault is not None and call.fault in _UNANSWERED:
        return _UNANSWERED[call.fault]
    status = "…" if call.status is None else str(call.status)
    return f"{status}, as switched on" if call.fault else status


def _of_delivery(box: ProviderSandbox, delivery: Delivery) -> LogLine:
    outcome = str(delivery.status) if delivery.status else delivery.error or ""
    return LogLine(
        at=delivery.at,
        provider=box.title,
        is_webhook=True,
        what=f"{urlsplit(delivery.url).path}: {_shorten(delivery.label)}",
        outcome=outcome,
        is_bad=not is_taken(delivery),
    )


def is_taken(delivery: Delivery) -> bool:
    """Tell whether the business has taken a webhook."""
    return delivery.status is not None and delivery.status < HTTPStatus.MULTIPLE_CHOICES


def _shorten(text: str) -> str:
    return _LONG_ID.sub(r"\1…", text)
