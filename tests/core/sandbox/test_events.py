"""What can happen at a provider: declared once, listed and let happen by the control surface."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, ClassVar

import pytest
from aiohttp.test_utils import TestServer
from typing_extensions import override

from clientflow_core.errors import FieldError, InvalidInput
from clientflow_core.sandbox import (
    EventField,
    Occurrence,
    ProviderSandbox,
    SandboxEvent,
    build_sandbox_app,
)
from tests.core.sandbox.conftest import Control, Host, ToySandbox


class Bell(ToySandbox):
    """Rings, as a provider rings whose event has a dot in its name; it rings twice, too."""

    name: ClassVar[str] = "bell"

    inbound = ProviderSandbox.inbound

    @override
    def events(self) -> Sequence[SandboxEvent]:
        by = EventField(name="by", meaning="who rings", default="somebody")
        door = EventField(name="door", meaning="which door")
        return (
            SandboxEvent(name="rung", summary="It rings.", fields=(by,), happen=self._ring),
            SandboxEvent(
                name="door.rung", summary="It rings twice.", fields=(by, door), happen=self._ring
            ),
        )

    def _ring(self, values: Mapping[str, str]) -> Occurrence:
        if values["by"] == "nobody":
            raise InvalidInput("/by is nobody", [FieldError("/by", "name somebody")])
        words = [f"{values['by']} {at}" for at in values.get("door", "front").split()]
        return Occurrence(requests=[self.sign(word) for word in words], facts={"rings": len(words)})


@pytest.fixture
async def bell(host: Host, http: Any) -> AsyncIterator[Control]:
    made = Bell(
        base_url="http://not-yet", host_url=host.url, credentials=ToySandbox.new_credentials()
    )
    async with TestServer(build_sandbox_app([made])) as server:
        yield Control(http, str(server.make_url("/bell")))


async def refused(control: Control, **body: Any) -> Any:
    async with control.http.post(f"{control.base_url}/_control/inbound", json=body) as answer:
        assert answer.status == 422, await answer.text()
        return await answer.json()


async def test_events_are_listed_with_their_fields(bell: Control) -> None:
    async with bell.http.get(f"{bell.base_url}/_control/events") as answer:
        listed = (await answer.json())["events"]
    by = {"name": "by", "meaning": "who rings", "default": "somebody"}
    door = {"name": "door", "meaning": "which door", "default": None}
    assert listed == [
        {"name": "rung", "summary": "It rings.", "fields": [by]},
        {"name": "door.rung", "summary": "It rings twice.", "fields": [by, door]},
    ]


async def test_first_event_happens_where_none_is_named(bell: Control, host: Host) -> None:
    told = await bell.post("inbound")
    assert (told["rings"], told["statuses"]) == (1, [200])
    assert [delivery["label"] for delivery in told["deliveries"]] == ["somebody front"]
    assert host.words == ["somebody front"]


async def test_each_webhook_of_an_event_is_sent_as_often_as_asked(
    bell: Control, host: Host
) -> None:
    told = await bell.post("inbound", event="door.rung", door="front back", by="Ada", times=2)
    assert told["statuses"] == [200] * 4
    assert sorted(host.words) == ["Ada back"] * 2 + ["Ada front"] * 2


@pytest.mark.parametrize(
    ("body", "pointer", "told"),
    [
        ({"event": "opened"}, "/event", "must be one of rung, door.rung"),
        ({"event": "door.rung"}, "/door", "is missing"),
        ({"event": 1}, "/event", "must be a text"),
        ({"by": 1}, "/by", "must be a text"),
        ({"door": "front"}, "/door", "is not known here"),
        ({"by": "nobody"}, "/by", "name somebody"),
        ({"times": 101}, "/times", "from 1 to 100"),
    ],
)
async def test_event_that_is_not_understood_does_not_happen(
    bell: Control, host: Host, body: dict[str, Any], pointer: str, told: str
) -> None:
    problem = await refused(bell, **body)
    (error,) = problem["errors"]
    assert error["pointer"] == pointer
    assert told in error["detail"]
    assert not host.words


async def test_sandbox_of_a_provider_that_tells_nothing_says_so(host: Host, http: Any) -> None:
    class Silent(Bell):
        @override
        def events(self) -> Sequence[SandboxEvent]:
            return ProviderSandbox.events(self)

    made = Silent(base_url="http://x", host_url=host.url, credentials=Bell.new_credentials())
    async with TestServer(build_sandbox_app([made])) as server:
        silent = Control(http, str(server.make_url("/bell")))
        async with http.get(f"{silent.base_url}/_control/events") as answer:
            assert await answer.json() == {"events": []}
        assert "there is none" in (await refused(silent))["detail"]


@pytest.mark.parametrize("name", ["event", "times", "Body", "a-b", ""])
def test_field_has_a_name_of_its_own(name: str) -> None:
    with pytest.raises(ValueError, match=r"cannot be a field|must match"):
        EventField(name=name, meaning="x")


@pytest.mark.parametrize("name", ["", ".", "a.", "A", "a b", "a..b"])
def test_event_has_a_name_that_can_be_typed(name: str) -> None:
    with pytest.raises(ValueError, match="must match"):
        SandboxEvent(name=name, summary="x", fields=(), happen=lambda _: Occurrence(requests=[]))
