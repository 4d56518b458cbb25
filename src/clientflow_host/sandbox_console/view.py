"""What the console shows, put together from what the sandboxes hold."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

import attrs

from clientflow_core.sandbox import (
    Bubble,
    CalendarSheets,
    Delivery,
    Exchange,
    Exchanges,
    Letter,
    Letters,
    Phone,
    Phones,
    ProviderSandbox,
    ReadyClient,
    SandboxEvent,
)
from clientflow_host.sandbox_console.log import is_taken
from clientflow_host.sandbox_console.switches import SwitchNow, show_switches

# A load test leaves more than a browser shows with pleasure.
MOST_PHONES: Final = 12
MOST_BUBBLES: Final = 60
# A client, and the number of the business.
Seat: TypeAlias = tuple[str, str]
# What was asked for by a switch, or ended by whoever reset the sandbox.
_ON_PURPOSE: Final = frozenset({"dropped", "given up"})


@attrs.frozen(kw_only=True)
class PhoneView:
    """A telephone as it is drawn.

    Attributes:
        id: of its element.
        owner: who holds it; None for a number without a name.
        hidden: how many older texts are left out.
    """

    id: str
    client: str
    business: str
    owner: ReadyClient | None
    bubbles: Sequence[Bubble]
    hidden: int

    @property
    def name(self) -> str:
        """What people call it."""
        return self.owner.name if self.owner else self.client


@attrs.frozen(kw_only=True)
class PhonesView:
    """The telephones of one provider.

    Attributes:
        hidden: how many telephones are left out, those without news.
        waiting: ready clients who have no telephone yet.
        is_untouched: nobody has written yet.
        is_answered: a text of the business has arrived.
    """

    phones: Sequence[PhoneView]
    hidden: int
    numbers: Sequence[str]
    waiting: Sequence[ReadyClient]
    is_untouched: bool
    is_answered: bool


@attrs.frozen(kw_only=True)
class SandboxView:
    """One provider in the console.

    Attributes:
        only_reads: whether a switch that spares reading would befall nothing.
        happenings: what can be made to happen, where that is not done on the telephones.
        trouble: the last webhook, if the business has not taken it.
    """

    name: str
    title: str
    only_reads: bool
    phones: PhonesView | None
    calendars: CalendarSheets | None
    letters: Sequence[Letter]
    exchanges: Sequence[Exchange]
    happenings: Sequence[SandboxEvent]
    calls: Sequence[SwitchNow]
    webhooks: Sequence[SwitchNow]
    trouble: Delivery | None

    @property
    def switched_on(self) -> list[SwitchNow]:
        """The switches that are on."""
        return [now for now in (*self.calls, *self.webhooks) if now.is_on]


class Seats:
    """Which telephones are on the table, in an order that stays."""

    def __init__(self) -> None:
        self._seats: dict[str, dict[Seat, None]] = {}

    def add(self, sandbox: str, seat: Seat) -> None:
        """Put a telephone there, if it is not there yet."""
        self._seats.setdefault(sandbox, {}).setdefault(seat)

    def clear(self) -> None:
        """Take all away."""
        self._seats.clear()

    def of(self, sandbox: str, panel: Phones) -> list[Seat]:
        """Give those of a sandbox, with whoever has written or been written to."""
        for phone in panel.phones:
            self.add(sandbox, (phone.client, phone.business))
        if sandbox not in self._seats and panel.ready and panel.numbers:
            self.add(sandbox, (panel.ready[0].number, panel.numbers[0]))
        return list(self._seats.get(sandbox, ()))


def show_sandbox(box: ProviderSandbox, seats: Seats) -> SandboxView:
    """Give what is to be seen of *box*."""
    calls, webhooks = show_switches(box.faults, thing=box.thing)
    panel = box.panel()
    phones = panel if isinstance(panel, Phones) else None
    return SandboxView(
        name=box.name,
        title=box.title,
        only_reads=box.only_reads,
        phones=show_phones(phones, seats.of(box.name, phones)) if phones else None,
        calendars=panel if isinstance(panel, CalendarSheets) else None,
        letters=panel.letters[-MOST_BUBBLES:] if isinstance(panel, Letters) else (),
        exchanges=panel.exchanges[-MOST_BUBBLES:] if isinstance(panel, Exchanges) else (),
        happenings=() if phones else box.events(),
        calls=calls,
        webhooks=webhooks,
        trouble=_trouble(box),
    )


def show_phones(panel: Phones, seats: Sequence[Seat]) -> PhonesView:
    """Give the telephones of *panel* that stand on *seats*, as many as can be looked at."""
    used = {(phone.client, phone.business): phone for phone in panel.phones}
    owners = {client.number: client for client in panel.ready}
    shown = _with_news(seats, used)
    seated = {client for client, _ in seats}
    return PhonesView(
        phones=[_show_phone(seat, used.get(seat), owners) for seat in shown],
        hidden=len(seats) - len(shown),
        numbers=panel.numbers,
        waiting=[client for client in panel.ready if client.number not in seated],
        is_untouched=not any(phone.bubbles for phone in panel.phones),
        is_answered=any(not b.is_from_client for phone in panel.phones for b in phone.bubbles),
    )


def phone_id(seat: Seat) -> str:
    """Name the element of a telephone."""
    return "phone-" + hashlib.sha256("\0".join(seat).encode()).hexdigest()[:12]


def _with_news(seats: Sequence[Seat], used: Mapping[Seat, Phone]) -> list[Seat]:
    """Leave out those whose last text is the oldest; the order stays."""
    fresh = [seat for seat in seats if seat not in used]
    rest = sorted((s for s in seats if s in used), key=lambda s: used[s].bubbles[-1].at)
    kept = set([*rest, *fresh][-MOST_PHONES:])
    return [seat for seat in seats if seat in kept]


def _show_phone(seat: Seat, phone: Phone | None, owners: Mapping[str, ReadyClient]) -> PhoneView:
    client, business = seat
    bubbles = phone.bubbles if phone else ()
    return PhoneView(
        id=phone_id(seat),
        client=client,
        business=business,
        owner=owners.get(client),
        bubbles=bubbles[-MOST_BUBBLES:],
        hidden=max(len(bubbles) - MOST_BUBBLES, 0),
    )


def _trouble(box: ProviderSandbox) -> Delivery | None:
    last = box.sender.deliveries[-1] if box.sender.deliveries else None
    if last is None or is_taken(last) or last.error in _ON_PURPOSE:
        return None
    return last
