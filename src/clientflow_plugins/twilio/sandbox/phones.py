"""The account's texts as the telephones of its clients show them."""

from collections.abc import Iterable
from typing import Final

from clientflow_core.sandbox import Arrival, Bubble, Phone, ReadyClient
from clientflow_plugins.twilio.sandbox.acceptance import BLOCKED_NUMBER, UNREACHABLE_NUMBER
from clientflow_plugins.twilio.sandbox.resources import Message

READY_CLIENTS: Final = (
    ReadyClient(name="Ada", number="+14155550123", about="An ordinary client."),
    ReadyClient(name="Ben", number="+14155550124", about="Another ordinary client."),
    ReadyClient(
        name="Cleo",
        number=UNREACHABLE_NUMBER,
        about="Her telephone is off: texts to her end as undelivered.",
    ),
    ReadyClient(
        name="Dov",
        number=BLOCKED_NUMBER,
        about="He has unsubscribed: the provider refuses every text to him.",
    ),
)
_ARRIVALS: Final = {"received": Arrival.ARRIVED, "delivered": Arrival.ARRIVED}


def show_phones(messages: Iterable[Message]) -> list[Phone]:
    """Give a telephone for each client and number of the business, in the order of first use."""
    bubbles: dict[tuple[str, str], list[Bubble]] = {}
    for message in messages:
        is_from_client = message.direction == "inbound"
        ours = (message.to if is_from_client else message.sender) or "the messaging service"
        client = (message.sender if is_from_client else message.to) or ""
        bubbles.setdefault((client, ours), []).append(_bubble(message))
    return [Phone(client=c, business=ours, bubbles=said) for (c, ours), said in bubbles.items()]


def _bubble(message: Message) -> Bubble:
    is_lost = message.error_code is not None
    return Bubble(
        id=message.sid,
        is_from_client=message.direction == "inbound",
        body=message.body,
        at=message.created,
        arrival=Arrival.LOST if is_lost else _ARRIVALS.get(message.status, Arrival.ON_ITS_WAY),
        note=message.status,
    )
