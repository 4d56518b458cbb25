"""A provider that can do nothing but send, and does as a test tells it: carrier pigeons."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import attrs
from typing_extensions import override

from clientflow_core.domain.messages import MessageStatus, OutboundMessage, Receipt
from clientflow_core.providers.channel import ChannelProvider, MessageQuery
from clientflow_core.providers.spec import AnySpec, ProviderContext, ProviderKind, ProviderSpec


@attrs.frozen
class PigeonSettings:
    """Pigeons need none."""


def _nothing() -> None:
    """Let nothing happen."""


class Pigeons(ChannelProvider):
    """Sends, and notes what; it can never be asked for it again.

    Args:
        outcomes: what the first calls raise.

    Attributes:
        sent: what it has taken.
        outcomes: what the next calls raise.
        meanwhile: called as it is opened, and during each call.
        pause_seconds: how long each call takes.
    """

    def __init__(self, *outcomes: Exception) -> None:
        self.sent: list[OutboundMessage] = []
        self.outcomes = list(outcomes)
        self.meanwhile: Callable[[], None] = _nothing
        self.pause_seconds = 0.0

    @override
    async def verify(self) -> str:
        """Give the name of the loft."""
        return "the loft"

    @override
    async def send(self, message: OutboundMessage) -> Receipt:
        """Send, or raise the next of :attr:`outcomes`."""
        self.meanwhile()
        await asyncio.sleep(self.pause_seconds)
        if self.outcomes:
            raise self.outcomes.pop(0)
        self.sent.append(message)
        name = f"pigeon-{len(self.sent)}"
        return Receipt(provider_message_id=name, status=MessageStatus.SENT)


class RingedPigeons(Pigeons):
    """These can be looked for."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[Receipt] | Exception = []

    async def find_messages(self, _: MessageQuery) -> list[Receipt]:
        """Give :attr:`found`, or raise it."""
        await asyncio.sleep(self.pause_seconds)
        if isinstance(self.found, Exception):
            raise self.found
        return self.found


def pigeon_spec(pigeons: Pigeons, **more: Any) -> AnySpec:
    """Describe *pigeons* as the provider that takes the place of Twilio."""

    @asynccontextmanager
    async def open_pigeons(_: ProviderContext, __: PigeonSettings) -> AsyncIterator[Pigeons]:
        pigeons.meanwhile()
        yield pigeons

    return ProviderSpec(
        kind=ProviderKind.CHANNEL,
        name="twilio",
        title="Pigeons",
        settings=PigeonSettings,
        open=open_pigeons,
        **more,
    )
