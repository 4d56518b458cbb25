"""A record of the calls that a sandbox has seen, for people who wonder what happens."""

import datetime as dt
from typing import Final

import attrs
from aiohttp import web

from clientflow_core.sandbox.faults import Answer, CallFault

MOST_REMEMBERED: Final = 200
_WITHOUT_ANSWER: Final = frozenset({Answer.TIMEOUT, Answer.CUT_BEFORE, Answer.CUT_AFTER_ACCEPTANCE})


@attrs.define(kw_only=True, eq=False)
class Call:
    """One call of the provider's API.

    Attributes:
        path: with the query; without a host.
        fault: the switch that it met: one of :class:`Answer`, or ``late``.
        status: what was answered; None while it is not, or if it never is.
    """

    at: dt.datetime
    method: str
    path: str
    fault: str | None
    status: int | None = None

    @classmethod
    def of(cls, request: web.Request, *, at: dt.datetime, fault: CallFault | None) -> "Call":
        """Describe *request*, which has just come."""
        name = None if fault is None else (fault.answer or "late")
        return cls(at=at, method=request.method, path=request.path_qs, fault=name)

    @property
    def has_answer(self) -> bool:
        """Whether the caller gets one."""
        return self.fault not in _WITHOUT_ANSWER
