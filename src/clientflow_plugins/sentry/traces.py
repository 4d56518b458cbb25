"""Spans, gathered into one transaction for each that has none around it.

https://develop.sentry.dev/sdk/data-model/event-payloads/transaction/. The SDK's own spans belong to
whatever client is global in the process; ours is not.
"""

import asyncio
import random
import secrets
import time
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, Final, Optional

import attrs

from clientflow_core.providers.observer import Fields

# As many as the SDK keeps; more are not shown, and not held.
_MOST_CHILDREN: Final = 1000


@attrs.define(eq=False, kw_only=True)
class Span:
    """Something that is being timed, or was."""

    name: str
    fields: Fields
    parent: Optional["Span"]
    trace_id: str
    is_sampled: bool
    span_id: str = attrs.field(factory=lambda: secrets.token_hex(8))
    began: float = attrs.field(factory=time.time)
    ended: float = 0.0
    status: str = "ok"
    finished: list["Span"] = attrs.field(factory=list)

    @property
    def root(self) -> "Span":
        """The outermost around it."""
        return self if self.parent is None else self.parent.root

    def context(self) -> dict[str, Any]:
        """Give where in its trace it is."""
        found = {"trace_id": self.trace_id, "span_id": self.span_id, "op": self.name}
        if self.parent is not None:
            found["parent_span_id"] = self.parent.span_id
        return found


class Tracer:
    """Begins and ends spans, and gives each whole trace to *tell* as a transaction.

    Args:
        tell: takes an event.
        sample_rate: which part of all traces is told, from 0 to 1.
    """

    def __init__(self, tell: Callable[[dict[str, Any]], None], *, sample_rate: float) -> None:
        self._tell, self._rate = tell, sample_rate
        self._current: ContextVar[Span | None] = ContextVar("sentry_span", default=None)

    def current(self) -> Span | None:
        """Give the span that surrounds the caller."""
        return self._current.get()

    def begin(self, name: str, fields: Fields) -> Span:
        """Begin a span inside the one around it."""
        parent = self._current.get()
        span = Span(
            name=name,
            fields=fields,
            parent=parent,
            trace_id=parent.trace_id if parent else secrets.token_hex(16),
            is_sampled=parent.is_sampled if parent else random.random() < self._rate,  # noqa: S311
        )
        self._current.set(span)
        return span

    def end(self, span: Span, error: BaseException | None) -> None:
        """End *span*, in which *error* was raised."""
        # Not by a token, which only fits in the context that it was made in.
        self._current.set(span.parent)
        if not span.is_sampled:
            return
        span.ended, span.status = time.time(), _status(error)
        if span.parent is None:
            self._tell(_transaction(span))
        elif len(span.root.finished) < _MOST_CHILDREN:
            span.root.finished.append(span)


def _status(error: BaseException | None) -> str:
    if error is None:
        return "ok"
    return "cancelled" if isinstance(error, asyncio.CancelledError) else "internal_error"


def _transaction(root: Span) -> dict[str, Any]:
    return {
        "type": "transaction",
        "transaction": root.name,
        "transaction_info": {"source": "custom"},
        "contexts": {
            "trace": root.context() | {"status": root.status, "data": dict(root.fields)},
        },
        "start_timestamp": root.began,
        "timestamp": root.ended,
        "spans": [_child(span) for span in root.finished],
    }


def _child(span: Span) -> dict[str, Any]:
    return span.context() | {
        "description": span.name,
        "start_timestamp": span.began,
        "timestamp": span.ended,
        "status": span.status,
        "data": dict(span.fields),
    }
