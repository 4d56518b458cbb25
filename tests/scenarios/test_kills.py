"""The service killed between two steps: it ends in the right state by itself."""

import asyncio
import random

import pytest

from tests.scenarios.conftest import Service

CLIENT = "+14155550123"
KILLED = 137


async def _killed(service: Service, name: str) -> None:
    process = {"serve": service.serve, "worker": service.worker}[name]
    assert process.popen is not None
    code = await asyncio.to_thread(process.popen.wait, 30)
    assert code == KILLED, process.log()


@pytest.mark.timeout(240)
async def test_worker_killed_between_accepting_a_text_and_handling_it(service: Service) -> None:
    service.serve.start()
    await service.ready(service.url)
    for number, step in enumerate(
        (
            "jobs.claimed",
            "handle_inbound_event.applied",
        )
    ):
        client = f"{CLIENT[:-1]}{number}"
        service.worker.start(CLIENTFLOW_FAILPOINTS=f"{step}=exit")
        assert await service.text_in(client, f"killed when {step}") == [200]
        await _killed(service, "worker")

        service.worker.start()
        conversation = await service.conversation(client)
        await service.quiet()
        told = await service.messages(conversation["id"])
        assert [message["body"] for message in told] == [f"killed when {step}"]
        await service.ready(service.worker_url)
        assert service.worker.stop() == 0
    assert set(service.rows("SELECT state FROM inbound_events")) == {("done",)}


async def test_host_killed_after_storing_a_text_loses_nothing(service: Service) -> None:
    service.worker.start()
    service.serve.start(CLIENTFLOW_FAILPOINTS="receive_webhook.stored=exit")
    await service.ready(service.url)
    assert await service.text_in(CLIENT, "Hello?") == [None]
    await _killed(service, "serve")

    service.serve.start()
    await service.ready(service.url)
    conversation = await service.conversation(CLIENT)
    assert [m["body"] for m in await service.messages(conversation["id"])] == ["Hello?"]


async def test_host_killed_before_storing_a_text_acknowledges_nothing(service: Service) -> None:
    service.serve.start(CLIENTFLOW_FAILPOINTS="receive_webhook.verified=exit")
    await service.ready(service.url)
    assert await service.text_in(CLIENT, "Hello?") == [None]
    await _killed(service, "serve")
    assert service.rows("SELECT count(*) FROM inbound_events") == [(0,)]


@pytest.mark.timeout(150)
async def test_worker_killed_around_the_call_sends_each_text_once(service: Service) -> None:
    """Three texts, the worker killed at another step of each.

    That killed before its call waits until Twilio's look-up is believed, some 30 seconds.
    """
    service.serve.start()
    service.worker.start()
    await service.ready(service.url)
    await service.text_in(CLIENT, "Hello?")
    conversation = await service.conversation(CLIENT)
    await service.quiet()
    assert service.worker.stop() == 0

    sent = {}
    for step in ("reserved", "called", "recorded"):
        service.worker.start(CLIENTFLOW_FAILPOINTS=f"deliver_message.{step}=exit")
        sent[step] = (await service.answer(conversation["id"], f"killed when {step}"))["id"]
        await _killed(service, "worker")
    assert sorted(await service.texts_to(CLIENT)) == ["killed when called", "killed when recorded"]

    service.worker.start()
    ends = {
        step: await service.message_in_state(message_id, "delivered", seconds=90)
        for step, message_id in sent.items()
    }
    await service.quiet()
    assert sorted(await service.texts_to(CLIENT)) == [
        "killed when called",
        "killed when recorded",
        "killed when reserved",
    ]
    states = {step: [a["state"] for a in message["attempts"]] for step, message in ends.items()}
    assert states == {
        "reserved": ["not_accepted", "accepted"],
        "called": ["accepted"],
        "recorded": ["accepted"],
    }


@pytest.mark.timeout(120)
async def test_texts_in_while_processes_are_killed_at_random(service: Service) -> None:
    """Texts keep coming while host and worker are killed: what was acknowledged is there, once."""
    service.serve.start()
    service.worker.start()
    await service.ready(service.url)
    await service.ready(service.worker_url)
    chance = random.Random(1)
    acknowledged: list[str] = []
    unanswered = 0
    is_over = asyncio.Event()

    async def write(number: int) -> None:
        nonlocal unanswered
        body = f"text {number}"
        client = f"+1415555{number % 7:04d}"
        (status,) = await service.text_in(client, body)
        if status == 200:
            acknowledged.append(body)
        else:
            unanswered += 1
        await asyncio.sleep(chance.random() / 20)

    async def kill() -> None:
        while not is_over.is_set():
            for victim in (service.serve, service.worker):
                await asyncio.sleep(1.2)
                victim.kill()
                victim.start()

    killer = asyncio.create_task(kill())
    for batch in range(200):
        await asyncio.gather(*(write(batch * 8 + one) for one in range(8)))
        # At least 200 texts, and on until a kill has hit one of them.
        if batch >= 24 and unanswered:
            break
    is_over.set()
    await killer
    await service.ready(service.url)
    await service.quiet(seconds=30)
    counts = dict(service.rows("SELECT body, count(*) FROM messages GROUP BY body"))
    assert set(acknowledged) <= set(counts)
    assert set(counts.values()) == {1}
    assert service.rows("SELECT count(*) FROM contacts")[0][0] <= 7
    assert service.rows("SELECT count(*) FROM jobs") == [(0,)]
    # Otherwise the kills hit nothing, and nothing was shown.
    assert unanswered > 0
