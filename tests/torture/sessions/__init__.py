"""The sessions, by their names; each is the function ``run`` of the module of that name."""

import importlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import attrs

from tests.torture.report import Options, Result


@attrs.frozen(kw_only=True)
class Session:
    """One session.

    Attributes:
        figure: of reliability.md.
        n: how many of what it is about, where nobody says otherwise.
        seconds: likewise, for how long, or between two faults.
        short: n and seconds of its short form; None if it has none.
    """

    figure: str
    n: int
    seconds: float
    short: tuple[int, float] | None = None


SESSIONS: Final[Mapping[str, Session]] = {
    "webhooks": Session(figure="R1", n=10_000, seconds=1.0, short=(300, 1.0)),
    # Every one where n is 0; a name after the session chooses some.
    "failpoints": Session(figure="R2", n=0, seconds=0, short=(4, 0)),
    "intake": Session(figure="R4", n=6_000, seconds=0),
    "recovery": Session(figure="R3", n=100, seconds=0, short=(3, 0)),
    "redis": Session(figure="R5", n=20_000, seconds=5.0, short=(400, 2.0)),
    "postgres": Session(figure="R6", n=10, seconds=3.0, short=(2, 2.0)),
    "startup": Session(figure="R12", n=20, seconds=0),
    # What is in doubt is looked up for half a minute each time: too long for a short form.
    "outbox": Session(figure="R7", n=400, seconds=1.0),
    "billing": Session(figure="R8", n=100, seconds=5.0, short=(6, 2.0)),
    "calendar": Session(figure="R9", n=60, seconds=0, short=(5, 0)),
    "cron": Session(figure="R10", n=30, seconds=1.0, short=(10, 1.0)),
    "poison": Session(figure="R13", n=1_500, seconds=0, short=(150, 0)),
    "rolling": Session(figure="R11", n=20, seconds=0, short=(3, 0)),
    "blackhole": Session(figure="R14", n=1, seconds=20.0),
    "env": Session(figure="R15", n=20, seconds=0),
}


def find_run(name: str) -> Callable[[Options], Awaitable[Result]]:
    """Give what runs the session *name*."""
    run: Callable[[Options], Awaitable[Result]] = importlib.import_module(f"{__name__}.{name}").run
    return run
