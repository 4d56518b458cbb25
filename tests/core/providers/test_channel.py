import datetime as dt
from collections.abc import Sequence

import pytest
from typing_extensions import override

from clientflow_core.domain.messages import MessageStatus, OutboundMessage, Receipt
from clientflow_core.ids import new_id
from clientflow_core.providers.channel import ChannelProvider, MessageQuery, SupportsMessageLookup

MESSAGE = OutboundMessage(attempt_id=new_id(), sender="+1", recipient="+2", body="hello")


class Carrier(ChannelProvider):
    @override
    async def verify(self) -> str:
        return "an account"

    @override
    async def send(self, message: OutboundMessage) -> Receipt:
        return Receipt(provider_message_id=message.body, status=MessageStatus.SENT)


class CarrierWithMemory(Carrier):
    async def find_messages(self, query: MessageQuery) -> Sequence[Receipt]:
        return [await self.send(query.message)]


def test_channel_that_forgets_a_method_cannot_be_made() -> None:
    class Mute(ChannelProvider):
        @override
        async def verify(self) -> str:
            return "an account"

    with pytest.raises(TypeError, match=r"abstract method '?send"):
        Mute()  # type: ignore[abstract]  # what is tested


def test_look_up_is_an_ability_that_a_channel_may_lack() -> None:
    assert not isinstance(Carrier(), SupportsMessageLookup)
    assert isinstance(CarrierWithMemory(), SupportsMessageLookup)


async def test_channel_needs_neither_host_nor_database() -> None:
    carrier = CarrierWithMemory()
    query = MessageQuery(message=MESSAGE, attempted_at=dt.datetime.now(dt.UTC))
    assert await carrier.verify() == "an account"
    assert await carrier.find_messages(query) == [await carrier.send(MESSAGE)]
