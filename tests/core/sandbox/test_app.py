import asyncio
import time

import aiohttp
import pytest
from aiohttp.test_utils import TestServer
from typing_extensions import override

from clientflow_core.sandbox import ProviderSandbox, build_sandbox_app
from clientflow_core.sandbox.calls import MOST_REMEMBERED
from tests.core.sandbox.conftest import Control, Host, ToySandbox, until


async def test_health_names_the_sandboxes(control: Control, server: TestServer) -> None:
    async with control.http.get(server.make_url("/health")) as answer:
        assert await answer.json() == {"status": "ok", "sandboxes": ["toy"]}


async def test_addresses_lose_the_slash_at_their_end(box: ToySandbox, host: Host) -> None:
    assert box.host_url == host.url
    assert box.base_url == "http://not-yet"
    assert box.settings()["TOY_URL"] == "http://not-yet"
    await box.close()


async def test_there_is_no_page_without_the_host(control: Control, server: TestServer) -> None:
    async with control.http.get(server.make_url("/")) as answer:
        assert answer.status == 404


class Bare(ToySandbox):
    """One that has nothing to show."""

    panel = ProviderSandbox.panel  # type: ignore[assignment]  # wider than that of its parent


def test_sandbox_may_have_no_panel(box: ToySandbox) -> None:
    bare = Bare(base_url=box.base_url, host_url=box.host_url, credentials=box.credentials)
    assert bare.panel() is None


class Listening(ToySandbox):
    """One that notes when it begins to listen beside HTTP."""

    is_listening = False

    @override
    async def start(self) -> None:
        self.is_listening = True


async def test_sandbox_begins_to_listen_with_the_application(box: ToySandbox) -> None:
    made = Listening(base_url=box.base_url, host_url=box.host_url, credentials=box.credentials)
    assert not made.is_listening
    async with TestServer(build_sandbox_app([made])):
        assert made.is_listening
    assert list(made.listens_at()) == []


async def test_calls_are_remembered_with_what_became_of_them(
    control: Control, box: ToySandbox
) -> None:
    url = f"{control.base_url}/words"
    async with control.http.get(url, params={"n": "1"}):
        pass
    await control.post("faults", calls=1, answer="503")
    async with control.http.post(url, data="w"):
        pass
    await control.post("faults", calls=1, delay_seconds=0.01)
    async with control.http.post(url, data="w"):
        pass
    for answer in ("cut_before", "cut_after_acceptance"):
        await control.post("faults", calls=1, answer=answer)
        with pytest.raises(aiohttp.ClientError):
            await _call(control)
    assert [(one.method, one.path, one.fault, one.status) for one in box.calls] == [
        ("GET", "/toy/words?n=1", None, 200),
        ("POST", "/toy/words", "503", 503),
        ("POST", "/toy/words", "late", 201),
        ("POST", "/toy/words", "cut_before", None),
        ("POST", "/toy/words", "cut_after_acceptance", None),
    ]
    await control.post("reset")
    assert not box.calls


async def test_only_the_latest_calls_are_remembered(control: Control, box: ToySandbox) -> None:
    for _ in range(MOST_REMEMBERED + 5):
        await _call(control)
    assert len(box.calls) == MOST_REMEMBERED
    assert box.calls_seen == MOST_REMEMBERED + 5


async def test_reset_forgets_everything_but_the_credentials(
    control: Control, box: ToySandbox
) -> None:
    credentials = dict(box.credentials)
    async with control.http.post(f"{control.base_url}/words", data="one"):
        pass
    await control.post("inbound", body="hi")
    await control.post("faults", calls=5, answer="500", webhooks={"drop": 1})
    assert await control.post("reset") == {"reset": True}
    state = await control.state()
    assert state["words"] == state["deliveries"] == []
    assert state["calls"] == 0
    assert state["faults"]["calls"] is None
    assert state["faults"]["webhooks"]["drop"] == 0
    assert box.credentials == credentials
    async with control.http.post(f"{control.base_url}/words", data="two") as answer:
        assert answer.status == 201


@pytest.mark.parametrize("switch", [{"delay_seconds": 0.4}, {"shuffled": True}])
async def test_webhook_that_waits_is_given_up_by_a_reset(
    control: Control, box: ToySandbox, host: Host, switch: dict[str, object]
) -> None:
    await control.post("faults", webhooks=switch)
    box.run_in_background(_deliver(box, "background"))
    asked = asyncio.create_task(control.post("inbound", body="foreground"))
    await until(lambda: len(box.sender._waiting) == 2)
    await control.post("reset")
    assert (await asked)["statuses"] == [None]
    assert (await control.state())["deliveries"] == []
    await asyncio.sleep(0.6)
    assert not host.words
    await control.post("inbound", body="after")
    assert host.words == ["after"]


async def test_shuffling_begins_anew_after_a_reset(
    control: Control, box: ToySandbox, host: Host
) -> None:
    await control.post("faults", webhooks={"shuffled": True})
    box.run_in_background(_deliver(box, "lost"))
    await asyncio.sleep(0.3)
    await control.post("reset")
    await control.post("faults", webhooks={"shuffled": True})
    begun = time.monotonic()
    await asyncio.gather(_deliver(box, "first"), _deliver(box, "second"))
    assert host.words == ["second", "first"]
    assert host.times[0] - begun >= 0.5


async def test_call_that_is_held_open_is_let_go_by_a_reset(
    control: Control, box: ToySandbox
) -> None:
    await control.post("faults", calls=1, answer="timeout")
    held = asyncio.create_task(_call(control))
    await until(lambda: box.calls_seen == 1)
    await control.post("reset")
    with pytest.raises(aiohttp.ClientError):
        await asyncio.wait_for(held, 1)
    await control.post("faults", calls=1, answer="timeout")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(_call(control), 0.2)


async def test_closing_lets_go_of_calls_that_are_held_open(
    control: Control, box: ToySandbox, server: TestServer
) -> None:
    await control.post("faults", calls=3, answer="timeout")
    held = [asyncio.create_task(_call(control)) for _ in range(3)]
    await until(lambda: box.calls_seen == 3)
    await _closes_quickly(server)
    for outcome in await asyncio.gather(*held, return_exceptions=True):
        assert isinstance(outcome, aiohttp.ClientError)


@pytest.mark.parametrize("switch", [{"delay_seconds": 3600}, {"shuffled": True}])
async def test_closing_does_not_wait_for_webhooks_that_wait(
    control: Control, box: ToySandbox, server: TestServer, host: Host, switch: dict[str, object]
) -> None:
    await control.post("faults", webhooks=switch)
    box.run_in_background(_deliver(box, "background"))
    asked = asyncio.create_task(control.post("inbound", body="foreground"))
    await until(lambda: len(box.sender._waiting) == 2)
    await _closes_quickly(server)
    assert (await asked)["statuses"] == [None]
    assert not host.words
    assert {delivery.error for delivery in box.sender.deliveries} == {"given up"}


async def test_closing_does_not_wait_for_a_slow_host(
    control: Control, box: ToySandbox, server: TestServer, host: Host
) -> None:
    host.delay_seconds = 10
    asked = asyncio.create_task(control.post("inbound", body="hi"))
    await until(lambda: host.words == ["hi"])
    await _closes_quickly(server)
    assert (await asked)["statuses"] == [None]
    (delivery,) = box.sender.deliveries
    assert delivery.error is not None


async def test_closing_ends_the_background_and_may_happen_twice(
    control: Control, box: ToySandbox, server: TestServer
) -> None:
    ended: list[str] = []
    box.run_in_background(_wait(ended))
    await asyncio.sleep(0)
    await _closes_quickly(server)
    assert ended == ["cancelled"]
    await box.close()


async def _closes_quickly(server: TestServer) -> None:
    begun = time.monotonic()
    await server.close()
    assert time.monotonic() - begun < 1.5


async def _wait(ended: list[str]) -> None:
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        ended.append("cancelled")
        raise


async def _call(control: Control) -> int:
    async with control.http.post(f"{control.base_url}/words", data="w") as answer:
        return answer.status


async def _deliver(box: ToySandbox, word: str) -> None:
    await box.sender.deliver(box.sign(word))
