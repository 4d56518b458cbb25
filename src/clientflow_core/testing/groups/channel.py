"""What the checks of a channel stand on: a message, and how one is sent."""

import uuid
from collections.abc import Sequence
from typing import Any, ClassVar

from typing_extensions import override

from clientflow_core.domain.messages import OutboundMessage, Receipt
from clientflow_core.testing.calls import OrdinaryCall
from clientflow_core.testing.conformance import Conformance
from clientflow_core.testing.stage import Stage
from clientflow_core.testing.strategies import LONGEST_BODY

_BODY = "See you on Thursday? 👍"


class ChannelChecks(Conformance):
    """A channel of which is known what :class:`ChannelConformance` says."""

    recipient: ClassVar[str] = "+14155550123"
    bad_recipient: ClassVar[str] = "nobody"
    longest_body: ClassVar[int] = LONGEST_BODY
    inbound_event: ClassVar[str | None] = None

    def message(
        self, stage: Stage, *, body: str = _BODY, recipient: str | None = None
    ) -> OutboundMessage:
        """Give a message to send, of an attempt of its own."""
        addresses = stage.addresses()
        assert addresses, "the spec's addresses() names no address that texts come from"
        return OutboundMessage(
            attempt_id=uuid.uuid4(),
            sender=addresses[0],
            recipient=recipient or self.recipient,
            body=body,
        )

    async def send(self, provider: Any, message: OutboundMessage) -> Receipt:
        """Send *message*, which nothing speaks against."""
        try:
            receipt = await provider.send(message)
        except Exception as error:
            msg = f"send raises {type(error).__name__}: {error}"
            raise AssertionError(msg) from error
        assert isinstance(receipt, Receipt), f"send gives {receipt!r}, which is no Receipt"
        return receipt

    @override
    async def calls(self, provider: Any, stage: Stage) -> Sequence[OrdinaryCall]:
        """Send a message."""
        del provider

        async def send(asked: Any) -> None:
            await asked.send(self.message(stage))

        return [OrdinaryCall(name="send", ask=send, is_change=True)]
