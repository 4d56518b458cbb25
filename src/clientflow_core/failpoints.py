"""Named places where a test may kill or stop the process.

``CLIENTFLOW_FAILPOINTS="deliver_message.called=exit"`` makes the process end, with nothing tidied
up, when it gets there. With the variable unset :func:`hit` is one look at an empty dictionary.
Actions: ``exit`` (as kill -9 does), ``raise``, ``sleep:SECONDS``; ``@N`` after the action skips
the first N-1 times.
"""

import os
import re
import time
from typing import Final

ENV: Final = "CLIENTFLOW_FAILPOINTS"

NAMES: Final = frozenset(
    {
        "receive_webhook.verified",
        "receive_webhook.stored",
        "handle_inbound_event.read",
        "handle_inbound_event.applied",
        "prepare_message.passed",
        "deliver_message.reserved",
        "deliver_message.called",
        "deliver_message.recorded",
        "apply_subscription_change.begun",
        "sync_calendar.asked",
        "sync_calendar.recorded",
        "put_appointment.called",
        "jobs.claimed",
        "jobs.finished",
    }
)

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
