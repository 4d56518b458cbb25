"""The switches for people: all faults have one, and each does what the fault is."""

import pytest

from clientflow_core.errors import InvalidInput
from clientflow_core.sandbox import Answer, FaultSwitches, WebhookFault
from clientflow_host.sandbox_console.switches import CALLS, WEBHOOKS, show_switches, turn


def on(faults: FaultSwitches) -> dict[str, str]:
    calls, webhooks = show_switches(faults, thing="order")
    return {now.switch.name: now.left for now in (*calls, *webhooks) if now.is_on}


def test_every_fault_has_a_switch_with_its_sentences() -> None:
    assert {switch.name for switch in CALLS} == {*Answer, "late"}
    for switch in (*CALLS, *WEBHOOKS):
        assert switch.does.endswith(".")
        assert switch.shows.endswith(".")


@pytest.mark.parametrize("name", [switch.name for switch in CALLS])
def test_call_goes_wrong_for_as_long_as_is_said(name: str) -> None:
    faults = FaultSwitches()
    turn(faults, name, is_on=True, count=3, seconds=7, spares_reading=False)
    assert on(faults) == {name: "for the next 3 calls"}
    assert faults.call is not None
    assert faults.call.delay_seconds == (7 if name == "late" else 0)
    faults.take_call()
    faults.take_call()
    assert on(faults) == {name: "for the next call"}
    turn(faults, name, is_on=False, count=3, seconds=7, spares_reading=False)
    assert on(faults) == {}


def test_switches_for_webhooks_do_not_touch_each_other() -> None:
    faults = FaultSwitches()
    turn(faults, "500", is_on=True, count=1, seconds=1, spares_reading=False)
    for switch in WEBHOOKS:
        turn(faults, switch.name, is_on=True, count=4, seconds=6, spares_reading=True)
    assert faults.webhooks == WebhookFault(times=2, shuffled=True, delay_seconds=6, drop=4)
    assert on(faults) == {
        "500": "for the next call",
        "twice": "2 times, until it is switched off",
        "shuffled": "until it is switched off",
        "delayed": "by 6 s, until switched off",
        "dropped": "the next 4 webhooks",
    }
    for number, switch in enumerate(WEBHOOKS):
        turn(faults, switch.name, is_on=False, count=4, seconds=6, spares_reading=True)
        assert len(on(faults)) == 4 - number
    assert faults.webhooks == WebhookFault()


def test_unknown_switch_is_refused() -> None:
    with pytest.raises(InvalidInput, match="no such switch"):
        turn(FaultSwitches(), "418", is_on=True, count=1, seconds=1, spares_reading=True)


def test_switch_that_spares_reading_waits_for_a_call_that_changes_something() -> None:
    """What a worker reads by itself would else use up what was meant for the next text."""
    faults = FaultSwitches()
    turn(faults, "503", is_on=True, count=2, seconds=1, spares_reading=True)
    assert on(faults) == {"503": "for the next 2 calls that change something"}
    assert faults.take_call("GET") is None
    assert faults.take_call("POST") is not None
    assert on(faults) == {"503": "for the next call that changes something"}


def test_switches_name_what_the_provider_is_brought() -> None:
    for thing in ("text", "order"):
        calls, webhooks = show_switches(FaultSwitches(), thing=thing)
        assert calls[0].switch.title == f"The line is cut after the {thing} was taken"
        words = " ".join(f"{now.switch.title} {now.switch.does}" for now in (*calls, *webhooks))
        assert "{" not in words
        assert ("text" in words) == (thing == "text")
