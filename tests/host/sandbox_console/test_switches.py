"""The switches for people: all faults have one, and each does what the fault is."""

import pytest

from clientflow_core.errors import InvalidInput
from clientflow_core.sandbox import Answer, FaultSwitches, WebhookFault
from clientflow_host.sandbox_console.switches import CALLS, WEBHOOKS, show_switches, turn


def on(faults: FaultSwitches) -> dict[str, str]:
    calls, webhooks = show_switches(faults)
    return {now.switch.name: now.left for now in (*calls, *webhooks) if now.is_on}


def test_every_fault_has_a_switch_with_its_sentences() -> None:
    assert {switch.name for switch in CALLS} == {*Answer, "late"}
    for switch in (*CALLS, *WEBHOOKS):
        assert switch.does.endswith(".")
        assert switch.shows.endswith(".")


@pytest.mark.parametrize("name", [switch.name for switch in CALLS])
def test_call_goes_wrong_for_as_long_as_is_said(name: str) -> None:
    faults = FaultSwitches()
    turn(faults, name, is_on=True, count=3, seconds=7)
    assert on(faults) == {name: "for the next 3 calls"}
    assert faults.call is not None
    assert faults.call.delay_seconds == (7 if name == "late" else 0)
    faults.take_call()
    faults.take_call()
    assert on(faults) == {name: "for the next call"}
    turn(faults, name, is_on=False, count=3, seconds=7)
    assert on(faults) == {}


def test_switches_for_webhooks_do_not_touch_each_other() -> None:
    faults = FaultSwitches()
    turn(faults, "500", is_on=True, count=1, seconds=1)
    for switch in WEBHOOKS:
        turn(faults, switch.name, is_on=True, count=4, seconds=6)
    assert faults.webhooks == WebhookFault(times=2, shuffled=True, delay_seconds=6, drop=4)
    assert on(faults) == {
        "500": "for the next call",
        "twice": "2 times, until it is switched off",
        "shuffled": "until it is switched off",
        "delayed": "by 6 s, until switched off",
        "dropped": "the next 4 webhooks",
    }
    for number, switch in enumerate(WEBHOOKS):
        turn(faults, switch.name, is_on=False, count=4, seconds=6)
        assert len(on(faults)) == 4 - number
    assert faults.webhooks == WebhookFault()


def test_unknown_switch_is_refused() -> None:
    with pytest.raises(InvalidInput, match="no such switch"):
        turn(FaultSwitches(), "418", is_on=True, count=1, seconds=1)
