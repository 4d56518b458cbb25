"""The fault switches as people see them: what each does, and what one should see then."""

from typing import Any, Final

import attrs

from clientflow_core.errors import InvalidInput
from clientflow_core.sandbox import Answer, CallFault, ControlBody, FaultSwitches

LATE: Final = "late"


@attrs.frozen(kw_only=True)
class Switch:
    """One fault.

    Attributes:
        name: in the form.
        title: where it stands in for one, ``{thing}`` is what the provider is brought.
        does: what goes wrong, a sentence; likewise.
        shows: what one should see of a text, a sentence.
    """

    name: str
    title: str
    does: str
    shows: str


@attrs.frozen(kw_only=True)
class SwitchNow:
    """A switch and how it stands.

    Attributes:
        left: how long it stays on, in words.
    """

    switch: Switch
    is_on: bool
    left: str = ""


CALLS: Final = (
    Switch(
        name=Answer.CUT_AFTER_ACCEPTANCE,
        title="The line is cut after the {thing} was taken",
        does="The provider takes the {thing} and acts on it, but its answer never comes.",
        shows="One text arrives, and only one: its delivery report, or a look at the provider's"
        " list, tells that it was taken.",
    ),
    Switch(
        name=Answer.CUT_BEFORE,
        title="The line is cut before the {thing} was taken",
        does="The connection breaks, and the provider has nothing.",
        shows="Nobody can tell it from the one above, so it is looked for, for half a minute. Then"
        " the text is sent again, and arrives once.",
    ),
    Switch(
        name=Answer.RATE_LIMITED,
        title="Too many calls (429)",
        does="The provider takes nothing and says: come back in a second.",
        shows="The text waits, is tried again by itself, and arrives.",
    ),
    Switch(
        name=Answer.INTERNAL_ERROR,
        title="The provider has a fault (500)",
        does="It answers that something broke, and takes nothing.",
        shows="Whether it took the text is not said, so it is looked for, for half a minute. Then"
        " it is sent again, and arrives once.",
    ),
    Switch(
        name=Answer.UNAVAILABLE,
        title="The provider is down (503)",
        does="It answers that it is away, and takes nothing.",
        shows="As with the one above: it arrives half a minute later, once.",
    ),
    Switch(
        name=Answer.HTML,
        title="A proxy answers instead (502)",
        does="A page for people comes back where data should be; the provider has seen nothing.",
        shows="As with the two above: it arrives half a minute later, once.",
    ),
    Switch(
        name=Answer.BAD_JSON,
        title="The answer is torn off",
        does="The provider takes the {thing}, but its answer stops in the middle.",
        shows="One text arrives, and only one, as with the line that is cut.",
    ),
    Switch(
        name=Answer.CUT_WITHIN,
        title="The line is cut within the answer",
        does="The provider takes the {thing} and begins to answer; then the connection breaks.",
        shows="One text arrives, and only one, as with the line that is cut after it was taken.",
    ),
    Switch(
        name=Answer.DRIP,
        title="The answer drips",
        does="The provider takes the {thing}, and its answer comes a letter at a time, without an"
        " end.",
        shows="The call is given up after a while. One text arrives, and only one.",
    ),
    Switch(
        name=Answer.TIMEOUT,
        title="No answer at all",
        does="The provider takes nothing and keeps the line open in silence.",
        shows="The call is given up after a while; then as above: half a minute, once.",
    ),
    Switch(
        name=LATE,
        title="The answer is late",
        does="The provider takes the {thing} at once, and answers after the seconds given above.",
        shows="The text arrives at once, and the inbox believes its delivery report.",
    ),
)
WEBHOOKS: Final = (
    Switch(
        name="twice",
        title="Every webhook comes twice",
        does="Whatever happens is told to the business two times.",
        shows="Nothing is there twice.",
    ),
    Switch(
        name="shuffled",
        title="Webhooks come in any order",
        does="Those of half a second are collected and sent in another order.",
        shows="A text that was delivered does not go back to sent.",
    ),
    Switch(
        name="delayed",
        title="Webhooks are late",
        does="Each is sent after the seconds given above.",
        shows="A client's text and the word “delivered” reach the inbox that much later.",
    ),
    Switch(
        name="dropped",
        title="Webhooks are lost",
        does="As many of the next as are given above are never sent.",
        shows="What was in them does not reach the inbox: what is lost here, nobody tells again.",
    ),
)


def show_switches(faults: FaultSwitches, *, thing: str) -> tuple[list[SwitchNow], list[SwitchNow]]:
    """Give the switches for calls and those for webhooks, as *faults* has them.

    Args:
        faults: of one provider.
        thing: what it is brought, in the words of people.
    """
    call = faults.call
    on = None if call is None else (call.answer or LATE)
    left = "" if call is None else _left(call)
    named = [_named(switch, thing) for switch in CALLS]
    calls = [SwitchNow(switch=s, is_on=s.name == on, left=left * (s.name == on)) for s in named]
    return calls, [_show_webhook(switch, faults) for switch in WEBHOOKS]


def _named(switch: Switch, thing: str) -> Switch:
    title, does = (text.format(thing=thing) for text in (switch.title, switch.does))
    return attrs.evolve(switch, title=title, does=does)


def _left(call: CallFault) -> str:
    which = " that changes something" if call.calls == 1 else " that change something"
    return f"for the next {_count(call.calls, 'call')}{which if call.spares_reading else ''}"


def _show_webhook(switch: Switch, faults: FaultSwitches) -> SwitchNow:
    fault = faults.webhooks
    states = {
        "twice": (fault.times > 1, f"{fault.times} times, until it is switched off"),
        "shuffled": (fault.shuffled, "until it is switched off"),
        "delayed": (fault.delay_seconds > 0, f"by {fault.delay_seconds:g} s, until switched off"),
        "dropped": (fault.drop > 0, f"the next {_count(fault.drop, 'webhook')}"),
    }
    is_on, left = states[switch.name]
    return SwitchNow(switch=switch, is_on=is_on, left=left if is_on else "")


def turn(
    faults: FaultSwitches,
    name: str,
    *,
    is_on: bool,
    count: int,
    seconds: float,
    spares_reading: bool,
) -> None:
    """Switch one fault on or off; of those for calls only one is on at a time.

    Args:
        faults: what is changed.
        name: of a :class:`Switch`.
        is_on: as it shall be.
        count: for how many calls, or of how many webhooks.
        seconds: how late, for those that are.
        spares_reading: calls that only read are left alone, such as those by which a worker looks
            now and then what it has missed.

    Raises:
        InvalidInput: there is no such switch, or a number is out of range.
    """
    changes: dict[str, dict[str, Any]] = {
        "twice": {"times": 2 if is_on else 1},
        "shuffled": {"shuffled": is_on},
        "delayed": {"delay_seconds": seconds if is_on else 0},
        "dropped": {"drop": count if is_on else 0},
    }
    if name in changes:
        wanted = attrs.asdict(faults.webhooks) | changes[name]
        faults.set(ControlBody({"webhooks": wanted}))
        return
    if name not in {switch.name for switch in CALLS}:
        msg = "There is no such switch."
        raise InvalidInput(msg)
    late = {"delay_seconds": seconds} if name == LATE else {}
    wanted = {"calls": count if is_on else 0, "answer": name, "spares_reading": spares_reading}
    faults.set(ControlBody(wanted | late))


def _count(number: int, what: str) -> str:
    return what if number == 1 else f"{number} {what}s"
