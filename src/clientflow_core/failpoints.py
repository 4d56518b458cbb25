"""Named places where a test may kill or stop the process.

``CLIENTFLOW_FAILPOINTS="deliver_message.called=exit"`` makes the process end, with nothing tidied
up, when it gets there. With the variable unset :func:`hit` is one look at an empty dictionary.
Actions: ``exit`` (as kill -9 does), ``raise``, ``sleep:SECONDS``; ``@N`` after the action skips
the first N-1 times.
"""

import os
import re
import time
from collections.abc import Mapping
from typing import Final

ENV: Final = "CLIENTFLOW_FAILPOINTS"

NAMES: Final[Mapping[str, str]] = {
    "receive_webhook.verified": "the sender is proven; the event is not kept yet",
    "receive_webhook.stored": "the event and its job are durable; the sender is not told yet",
    "handle_inbound_event.read": "the event is read; nothing of it is applied yet",
    "handle_inbound_event.applied": "all that the event says is written; nothing is committed yet",
    "prepare_message.passed": "the steps of plugins have seen the message; their end is not kept",
    "deliver_message.reserved": "the attempt is durable as sending; the provider is not called yet",
    "deliver_message.called": "the provider has accepted the message; that is not written down yet",
    "deliver_message.recorded": "what the provider said is durable; the job has not returned yet",
    "apply_subscription_change.begun": "what to ask is read; the provider is not asked yet",
    "sync_calendar.asked": "a page of changes is read from the provider; it is not written yet",
    "sync_calendar.recorded": "a page of changes and the cursor after it are durable",
    "put_appointment.called": "the provider has the event; that is not written down yet",
    "jobs.claimed": "a batch of jobs is claimed by this worker; none of them has begun",
    "jobs.finished": "the effect of a job and its end are durable; nobody is told yet",
}
"""What has just happened at each failpoint, and what has not."""

_ACTION: Final = re.compile(r"(exit|raise|sleep:[0-9]+(\.[0-9]+)?)(@[1-9][0-9]*)?")


class FailpointHit(Exception):
    """Raised at a failpoint whose action is ``raise``."""


class _Failpoint:
    __slots__ = ("action", "left")

    def __init__(self, text: str) -> None:
        self.action, _, nth = text.partition("@")
        self.left = int(nth or 1)

    def hit(self, name: str) -> None:
        self.left -= 1
        if self.left > 0:
            return
        if self.action == "exit":
            os._exit(137)
        if self.action == "raise":
            raise FailpointHit(name)
        time.sleep(float(self.action.removeprefix("sleep:")))


def _read(text: str) -> dict[str, _Failpoint]:
    active = {}
    for entry in filter(None, text.split(",")):
        name, _, action = entry.partition("=")
        if name not in NAMES:
            msg = f"{ENV} names {name!r}; there are: {', '.join(sorted(NAMES))}"
            raise ValueError(msg)
        if not _ACTION.fullmatch(action):
            msg = f"{ENV} has no action {action!r}; there are: exit, raise, sleep:SECONDS, each @N"
            raise ValueError(msg)
        active[name] = _Failpoint(action)
    return active


_active = _read(os.environ.get(ENV, ""))


def hit(name: str) -> None:
    """Do what ``CLIENTFLOW_FAILPOINTS`` asks for at *name*; usually nothing."""
    failpoint = _active.get(name)
    if failpoint:
        failpoint.hit(name)
