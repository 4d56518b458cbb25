"""Texts that go out."""

import asyncio
from typing import Any, Final

from clientflow_core.domain.messages import MessageStatus, OutboundMessage
from clientflow_core.errors import ProviderCannot, ProviderRefused, RejectedInput
from clientflow_core.sandbox import Answer
from clientflow_core.testing.checks import Tier, check
from clientflow_core.testing.groups.channel import ChannelChecks
from clientflow_core.testing.groups.sandbox import strings_in
from clientflow_core.testing.stage import Stage
from clientflow_core.testing.strategies import messages

_HAS_IT: Final = frozenset({MessageStatus.SENT, MessageStatus.DELIVERED, MessageStatus.READ})
_MANY: Final = 50
_FEW: Final = 5


class ChannelTextChecks(ChannelChecks):
    """What becomes of a text that is handed over."""

    @check("channel.send-gives-a-stable-id", Tier.BRONZE)
    async def test_send_gives_a_stable_id(self, stage: Stage) -> None:
        """Each text has an id of its own, by which the provider knows it."""
        async with stage.provider() as provider:
            ids = [
                (await self.send(provider, self.message(stage))).provider_message_id
                for _ in range(_FEW)
            ]
        strange = [one for one in ids if str(one).split() != [one]]
        assert not strange, f"{strange[0]!r} is no id"
        assert len(set(ids)) == _FEW, f"equal texts have the same id: {ids}"
        known = strings_in(stage.state())
        unknown = [one for one in ids if one not in known]
        assert not unknown, f"the sandbox's state() knows nothing of the id {unknown[0]!r}"

    @check("channel.receipt-says-at-least-sent", Tier.BRONZE)
    async def test_receipt_says_at_least_sent(self, stage: Stage) -> None:
        """What the provider has taken is *sent*, or further; its times are aware."""
        async with stage.provider() as provider:
            receipt = await self.send(provider, self.message(stage))
        assert receipt.status in _HAS_IT, f"a text that was taken is {receipt.status!r}"
        at = receipt.accepted_at
        assert at is None or at.tzinfo is not None, "accepted_at has no time zone"
        assert receipt.segments is None or receipt.segments >= 1, f"{receipt.segments} segments"

    @check("channel.text-arrives-as-written", Tier.BRONZE)
    def test_text_arrives_as_written(self) -> None:
        """Every script, emoji and length up to the longest arrives letter by letter."""
        with self.stage(public_url=False) as stage:
            written = messages(
                sender=self.message(stage).sender,
                recipient=self.recipient,
                longest=self.longest_body,
            )
            channel = stage.provider()
            provider = stage.run(channel.__aenter__())

            def arrives(message: OutboundMessage) -> None:
                stage.server.finish(stage.sandbox.reset)
                stage.run(self._arrives(provider, message, stage))

            self.hold(written, arrives)
            stage.run(channel.__aexit__(None, None, None))

    @check("channel.longest-text-is-taken", Tier.BRONZE)
    async def test_longest_text_is_taken(self, stage: Stage) -> None:
        """A text of exactly ``longest_body`` letters is taken."""
        async with stage.provider() as provider:
            body = "é" * self.longest_body
            await self._arrives(provider, self.message(stage, body=body), stage)

    @check("channel.too-long-is-refused", Tier.SILVER)
    async def test_too_long_text_is_refused(self, stage: Stage) -> None:
        """A text of one letter more is refused for good, or arrives whole; it is never cut."""
        body = "é" * (self.longest_body + 1)
        async with stage.provider() as provider:
            try:
                await provider.send(self.message(stage, body=body))
            except (ProviderRefused, ProviderCannot):
                return
            except Exception as error:
                msg = f"a text that is too long raises {type(error).__name__}"
                raise AssertionError(msg) from error
        assert body in strings_in(stage.state()), "a text that is too long was cut"

    @check("channel.bad-recipient-is-rejected", Tier.BRONZE)
    async def test_bad_recipient_is_rejected(self, stage: Stage) -> None:
        """An address that is none raises ``RejectedInput``."""
        async with stage.provider() as provider:
            try:
                await provider.send(self.message(stage, recipient=self.bad_recipient))
            except RejectedInput:
                return
            except Exception as error:
                msg = f"{self.bad_recipient!r} raises {type(error).__name__}, not RejectedInput"
                raise AssertionError(msg) from error
        msg = f"a text to {self.bad_recipient!r} is taken: set bad_recipient if it is an address"
        raise AssertionError(msg)

    @check("channel.sends-once", Tier.BRONZE)
    async def test_sends_once(self, stage: Stage) -> None:
        """When the answer is lost, the text is not sent again: the core decides that."""
        body = "once and only once"
        async with stage.provider() as provider:
            await provider.verify()
            stage.go_wrong(Answer.CUT_AFTER_ACCEPTANCE, calls=1)
            await _whatever_comes(provider.send(self.message(stage, body=body)))
            stage.behave()
        count = strings_in(stage.state()).count(body)
        assert count <= 1, f"the sandbox has the text {count} times: nothing is repeated in send"

    @check("channel.many-at-once", Tier.GOLD)
    async def test_many_at_once(self, stage: Stage) -> None:
        """Fifty texts at the same time go out, each by itself."""
        async with stage.provider() as provider:
            made = [self.message(stage, body=f"number {count}.") for count in range(_MANY)]
            receipts = await asyncio.gather(*(self.send(provider, one) for one in made))
        ids = {receipt.provider_message_id for receipt in receipts}
        assert len(ids) == _MANY, f"{_MANY} texts have {len(ids)} ids"
        held = strings_in(stage.state())
        lost = [one.body for one in made if held.count(one.body) != 1]
        assert not lost, f"not there exactly once: {lost}"

    async def _arrives(self, provider: Any, message: OutboundMessage, stage: Stage) -> None:
        await self.send(provider, message)
        held = strings_in(stage.state())
        assert message.body in held, (
            f"the sandbox's state() holds no text of these {len(message.body)} letters: "
            f"{message.body[:80]!r}"
        )
        assert message.recipient in held, f"the sandbox's state() holds no {message.recipient}"


async def _whatever_comes(call: Any) -> None:
    try:
        await call
    except Exception:  # noqa: BLE001 - another check looks at it
        return
