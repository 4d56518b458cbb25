"""What plugins say of a message's channel is followed only as far as it makes sense."""

import uuid
from collections.abc import Sequence
from typing import Any, Final

import pytest
import structlog

from clientflow_core.contributions.routing import Candidate, OutgoingMessage, Router
from clientflow_core.domain.routing import Medium
from clientflow_core.registry.bound import routers
from clientflow_core.registry.contributions import Contributions
from clientflow_core.registry.discovery import Plugin

OWN: Final = uuid.UUID(int=1)
OTHER: Final = uuid.UUID(int=2)
STRANGER: Final = uuid.UUID(int=3)
CANDIDATES: Final = tuple(
    Candidate(channel_id=one, provider="acme", address="a", is_own=one == OWN, is_fit=True)
    for one in (OWN, OTHER)
)
MESSAGE: Final = OutgoingMessage(
    message_id=uuid.UUID(int=9),
    organization_id=uuid.UUID(int=8),
    medium=Medium.TEXT,
    country="US",
    recipient="+15550100200",
    body="Hello",
)


def chosen(answer: Any) -> Sequence[uuid.UUID] | None:
    """Give what comes of a router that answers *answer*, or raises it."""

    def choose(message: OutgoingMessage, candidates: tuple[Candidate, ...]) -> Any:
        assert (message, candidates) == (MESSAGE, CANDIDATES)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    contributions = Contributions(routers=(Router(name="cheap", choose=choose),))
    plugin = Plugin(name="acme", version="1.2", specs=(), contributions=contributions)
    (bound,) = routers([plugin])
    return bound.choose(MESSAGE, CANDIDATES)


@pytest.mark.parametrize("answer", [[OTHER], [OTHER, OWN], (OWN,), None, []])
def test_opinion_is_followed(answer: Any) -> None:
    with structlog.testing.capture_logs() as lines:
        assert chosen(answer) == (list(answer) if answer else None)
    assert lines == []


@pytest.mark.parametrize(
    "answer",
    [
        [STRANGER],
        [OWN, STRANGER],
        [OWN, OWN],
        OWN,
        [str(OWN)],
        [["unhashable"]],
        "text",
        7,
        {OWN: 1},
        ValueError("a fault of its own"),
        SystemExit(1),
    ],
    ids=repr,
)
def test_nonsense_is_no_opinion_and_the_log_names_the_plugin(answer: Any) -> None:
    with structlog.testing.capture_logs() as lines:
        assert chosen(answer) is None
    (line,) = lines
    assert (line["event"], line["plugin"], line["version"]) == ("route_failed", "acme", "1.2")
    assert line["router"] == "cheap"


def test_routers_are_asked_in_the_order_of_their_plugins() -> None:
    def none(message: OutgoingMessage, candidates: tuple[Candidate, ...]) -> None:
        return None

    plugins = [
        Plugin(
            name=name,
            version="1",
            specs=(),
            contributions=Contributions(
                routers=tuple(Router(name=one, choose=none) for one in ("a", "b"))
            ),
        )
        for name in ("second", "first")
    ]
    found = [(bound.plugin.name, bound.router.name) for bound in routers(plugins)]
    assert found == [("second", "a"), ("second", "b"), ("first", "a"), ("first", "b")]
