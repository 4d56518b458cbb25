import asyncio
import time

import aiohttp
import pytest

from clientflow_core.sandbox import Answer
from tests.core.sandbox.conftest import Control, ToySandbox, until


async def take(control: Control, word: str = "w", seconds: float = 5.0) -> tuple[int, str, str]:
    """Call the API once; give status, body and Retry-After."""
    deadline = aiohttp.ClientTimeout(total=seconds)
    async with control.http.post(
        f"{control.base_url}/words", data=word, timeout=deadline
    ) as answer:
        return answer.status, await answer.text(), answer.headers.get("Retry-After", "")


@pytest.mark.parametrize(
    ("answer", "expected", "does_the_work"),
    [
        ("429", (429, '{"toy_error": 429}', "7"), False),
        ("500", (500, '{"toy_error": 500}', ""), False),
        ("503", (503, '{"toy_error": 503}', "7"), False),
        ("html", (502, "<html><body><h1>502 Bad Gateway</h1></body></html>", ""), False),
        ("bad_json", (201, '{"sid": "', ""), True),
    ],
)
async def test_answer_goes_wrong_as_it_says_once_and_then_no_more(
    control: Control,
    box: ToySandbox,
    answer: str,
    expected: tuple[int, str, str],
    does_the_work: bool,
) -> None:
    await control.post("faults", calls=1, answer=answer, retry_after_seconds=7)
    assert await take(control, "first") == expected
    assert box.words == (["first"] if does_the_work else [])
    box.words.clear()
    assert await take(control, "second") == (201, '{"sid": 1}', "")
    assert box.words == ["second"]
    assert box.calls_seen == 2


async def test_call_that_only_reads_can_be_spared(control: Control, box: ToySandbox) -> None:
    await control.post("faults", calls=1, answer="500", spares_reading=True)
    for _ in range(2):
        async with control.http.get(f"{control.base_url}/words") as read:
            assert read.status == 200
    assert (await take(control))[0] == 500
    assert (await take(control))[0] == 201
    assert box.words == ["w"]


@pytest.mark.parametrize(
    ("answer", "does_the_work"),
    [("cut_before", False), ("cut_after_acceptance", True), ("cut_within", True)],
)
async def test_connection_is_cut_before_or_after_the_work(
    control: Control,
    box: ToySandbox,
    answer: str,
    does_the_work: bool,
    caplog: pytest.LogCaptureFixture,
) -> None:
    await control.post("faults", calls=1, answer=answer)
    with pytest.raises(aiohttp.ClientError):
        await take(control)
    assert box.words == (["w"] if does_the_work else [])
    assert (await take(control))[0] == 201
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


@pytest.mark.parametrize("answer", ["bad_json", "cut_within", "drip"])
async def test_answer_without_a_body_cannot_break_off_so_the_connection_does(
    control: Control, box: ToySandbox, answer: str
) -> None:
    await take(control)
    # Twice, since aiohttp asks once more by itself where a connection that was used before ends.
    await control.post("faults", calls=2, answer=answer)
    with pytest.raises(aiohttp.ClientError):
        await control.http.delete(f"{control.base_url}/words")
    assert box.words == []


async def test_answer_that_drips_begins_and_has_no_end(
    control: Control, box: ToySandbox, caplog: pytest.LogCaptureFixture
) -> None:
    await control.post("faults", calls=1, answer="drip")
    async with control.http.post(f"{control.base_url}/words", data="w") as answer:
        assert answer.status == 201
        assert await answer.content.readexactly(3) == b"{  "
        assert box.words == ["w"]
        # Whoever waits for more is let go with a reset, and the connection ends.
        await control.post("reset")
        with pytest.raises(aiohttp.ClientError):
            await answer.read()
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


async def test_silence_lasts_longer_than_the_client_and_does_nothing(
    control: Control, box: ToySandbox, caplog: pytest.LogCaptureFixture
) -> None:
    await control.post("faults", calls=1, answer="timeout")
    with pytest.raises(TimeoutError):
        await take(control, seconds=0.2)
    assert not box.words
    # Let go when nobody is there any more.
    await control.post("reset")
    await asyncio.sleep(0.05)
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


@pytest.mark.parametrize("answer", ["late", None])
async def test_late_answer_comes_after_the_work(
    control: Control, box: ToySandbox, answer: str | None
) -> None:
    switch = {"answer": answer} if answer else {}
    await control.post("faults", calls=1, delay_seconds=0.3, **switch)
    begun = time.monotonic()
    call = asyncio.create_task(take(control))
    await until(lambda: box.words == ["w"])
    assert not call.done()
    assert (await call)[:2] == (201, '{"sid": 1}')
    assert time.monotonic() - begun >= 0.3


async def test_other_answers_may_be_late_too(control: Control) -> None:
    await control.post("faults", calls=1, answer="503", delay_seconds=0.2)
    begun = time.monotonic()
    assert (await take(control))[0] == 503
    assert time.monotonic() - begun >= 0.2


async def test_switch_counts_down_and_shows_what_is_left(control: Control) -> None:
    shown = await control.post("faults", calls=3, answer="500")
    left = [shown["calls"]["calls"]]
    statuses = []
    for _ in range(4):
        statuses.append((await take(control))[0])
        calls = (await control.state())["faults"]["calls"]
        left.append(calls["calls"] if calls else 0)
    assert statuses == [500, 500, 500, 201]
    assert left == [3, 2, 1, 0, 0]


async def test_concurrent_calls_count_once_each(control: Control) -> None:
    await control.post("faults", calls=5, answer="503", delay_seconds=0.05)
    statuses = [status for status, _, _ in await asyncio.gather(*(take(control) for _ in range(9)))]
    assert sorted(statuses) == [201] * 4 + [503] * 5


async def test_control_surface_is_never_at_fault(control: Control) -> None:
    await control.post("faults", calls=1, answer="500")
    await control.post("inbound", body="hi")
    assert (await control.state())["calls"] == 0
    assert (await take(control))[0] == 500


async def test_zero_calls_takes_the_switch_back(control: Control) -> None:
    await control.post("faults", calls=9, answer="500")
    assert (await control.post("faults", calls=0))["calls"] is None
    assert (await take(control))[0] == 201


async def test_half_that_is_not_named_stays_as_it_is(control: Control) -> None:
    await control.post("faults", calls=2, answer="500", webhooks={"drop": 3})
    changed = await control.post("faults", webhooks={"times": 2})
    assert changed["calls"]["calls"] == 2
    assert changed["webhooks"]["drop"] == 0
    changed = await control.post("faults", calls=1)
    assert changed["webhooks"]["times"] == 2


async def test_reading_works_with_every_answer(control: Control) -> None:
    """The table of answers is complete: whatever is added must be spoiled or passed on too."""
    for answer in Answer:
        await control.post("faults", calls=1, answer=answer)
        try:
            async with control.http.get(
                f"{control.base_url}/words", timeout=aiohttp.ClientTimeout(total=0.2)
            ) as got:
                assert got.status in {200, 429, 500, 502, 503}
        except (aiohttp.ClientError, TimeoutError):
            assert answer in {Answer.TIMEOUT, Answer.CUT_BEFORE, Answer.CUT_AFTER_ACCEPTANCE}
