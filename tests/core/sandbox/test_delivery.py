import asyncio
import time

import pytest

from clientflow_core.clock import SystemClock
from clientflow_core.sandbox import FaultSwitches, SignedRequest, WebhookSender
from tests.core.sandbox.conftest import Control, Host, ToySandbox, until


async def test_webhook_arrives_as_it_was_signed(
    control: Control, box: ToySandbox, host: Host
) -> None:
    # A client that tidies URLs would write ~ for %7E, and the signature would not fit any more.
    box.hook_url = f"{host.url}/h%6Fok?a=%7E&b=x%2By&c=%20"
    await control.post("inbound", body="größer")
    assert host.words == ["größer"]
    ((path, headers),) = host.requests
    assert path == "/h%6Fok?a=%7E&b=x%2By&c=%20"
    assert headers["X-Toy"] == box.credentials["TOY_KEY"]
    assert headers["Content-Type"] == "text/plain; charset=utf-8"


async def test_hosts_cookies_are_not_sent_back(
    control: Control, box: ToySandbox, host: Host
) -> None:
    # By name: no client keeps the cookies of a bare address.
    box.host_url = host.url.replace("127.0.0.1", "localhost")
    await control.post("inbound", body="one")
    await control.post("inbound", body="two")
    assert host.words == ["one", "two"]
    assert all("Cookie" not in headers for _, headers in host.requests)


async def test_each_is_sent_as_often_as_the_switch_says(control: Control, host: Host) -> None:
    await control.post("faults", webhooks={"times": 3})
    outcome = await control.post("inbound", body="hi", times=2)
    assert outcome["statuses"] == [200] * 6
    assert host.words == ["hi"] * 6


async def test_shuffled_webhooks_all_arrive_in_another_order(
    control: Control, box: ToySandbox, host: Host
) -> None:
    await control.post("faults", webhooks={"shuffled": True, "times": 2})
    words = [f"w{number}" for number in range(8)]
    begun = time.monotonic()
    for word in words:
        box.run_in_background(_deliver(box, word))
        await asyncio.sleep(0)
    await until(lambda: len(host.words) == 16)
    assert sorted(host.words) == sorted(words * 2)
    assert list(dict.fromkeys(host.words)) != words
    assert host.times[0] - begun >= 0.5


async def test_even_two_change_places(control: Control, box: ToySandbox, host: Host) -> None:
    await control.post("faults", webhooks={"shuffled": True})
    await asyncio.gather(_deliver(box, "first"), _deliver(box, "second"))
    assert host.words == ["second", "first"]


async def test_a_single_one_leaves_when_its_window_ends(
    control: Control, box: ToySandbox, host: Host
) -> None:
    await control.post("faults", webhooks={"shuffled": True})
    await _deliver(box, "alone")
    await _deliver(box, "alone again")
    assert host.words == ["alone", "alone again"]


async def test_delayed_webhook_comes_when_it_is_due(control: Control, host: Host) -> None:
    await control.post("faults", webhooks={"delay_seconds": 0.3})
    begun = time.monotonic()
    await control.post("inbound", body="hi")
    assert host.times[0] - begun >= 0.3
    assert (await control.post("faults", webhooks={}))["webhooks"]["delay_seconds"] == 0


async def test_dropped_webhooks_are_recorded_and_counted(control: Control, host: Host) -> None:
    await control.post("faults", webhooks={"drop": 2, "times": 2})
    outcome = await control.post("inbound", body="hi", times=3)
    assert outcome["statuses"] == [None, None, 200, 200]
    state = await control.state()
    assert [d["error"] for d in state["deliveries"]] == ["dropped", "dropped", None, None]
    assert state["faults"]["webhooks"]["drop"] == 0
    assert host.words == ["hi", "hi"]


async def test_refusal_of_the_host_is_recorded_and_not_repeated(
    control: Control, host: Host
) -> None:
    host.status = 503
    assert (await control.post("inbound", body="hi"))["statuses"] == [503]
    assert host.words == ["hi"]


async def test_redirect_of_the_host_is_not_followed(control: Control, host: Host) -> None:
    host.status = 302
    assert (await control.post("inbound", body="hi"))["statuses"] == [302]
    assert len(host.requests) == 1


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("http://127.0.0.1:{port}/hook", "ClientConnectorError"),
        ("gopher://127.0.0.1/", "NonHttpUrlClientError"),
        ("http://", "InvalidUrlClientError"),
        ("nonsense", "InvalidUrlClientError"),
        ("http://127.0.0.1:99999/", "ValueError"),
    ],
)
async def test_host_that_is_not_there_is_recorded_by_the_name_of_the_error(
    control: Control, box: ToySandbox, unused_tcp_port: int, url: str, error: str
) -> None:
    box.hook_url = url.format(port=unused_tcp_port)
    assert (await control.post("inbound", body="hi"))["statuses"] == [None]
    (delivery,) = (await control.state())["deliveries"]
    assert (delivery["status"], delivery["error"]) == (None, error)


async def test_host_that_takes_too_long_is_recorded_as_silent(host: Host) -> None:
    host.delay_seconds = 2
    sender = WebhookSender(clock=SystemClock(), faults=FaultSwitches(), deadline_seconds=0.2)
    (outcome,) = await sender.deliver(
        SignedRequest(url=f"{host.url}/hook", headers={}, body=b"hi", label="hi")
    )
    assert (outcome.status, outcome.error) == (None, "TimeoutError")
    assert 0.2 <= outcome.seconds < 1
    await sender.close()


async def test_nothing_leaves_a_closed_sender(host: Host) -> None:
    sender = WebhookSender(clock=SystemClock(), faults=FaultSwitches())
    await sender.close()
    (outcome,) = await sender.deliver(
        SignedRequest(url=f"{host.url}/hook", headers={}, body=b"hi", label="hi")
    )
    assert outcome.error == "given up"
    assert not host.words


async def test_one_that_is_cancelled_does_not_hold_up_the_others(
    control: Control, box: ToySandbox, host: Host
) -> None:
    await control.post("faults", webhooks={"shuffled": True})
    others = [asyncio.create_task(_deliver(box, word)) for word in ("one", "gone", "two")]
    await until(lambda: len(box.sender._waiting) == 3)
    others[1].cancel()
    await asyncio.gather(*others, return_exceptions=True)
    assert sorted(host.words) == ["one", "two"]


async def _deliver(box: ToySandbox, word: str) -> None:
    await box.sender.deliver(box.sign(word))
