"""Texts that come in, and how far ours have come: from the provider's event to ours."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from clientflow_core.domain.messages import DeliveryReported, MessageReceived, ProviderEvent
from clientflow_core.providers.webhooks import WebhookRequest
from clientflow_core.testing.checks import Tier, check
from clientflow_core.testing.groups.channel import ChannelChecks
from clientflow_core.testing.samples import happen, happen_all, is_for
from clientflow_core.testing.skips import NotSupported, leave_out
from clientflow_core.testing.stage import Stage
from clientflow_core.testing.strategies import texts

# The fields that a sandbox's event of a text has, as the console and `clientflow trigger` use them.
_FIELDS: Final = ("from", "to", "body")


class ChannelInboundChecks(ChannelChecks):
    """What the webhooks of a channel mean."""

    @check("inbound.text-becomes-a-message", Tier.BRONZE, is_ability=True)
    def test_text_becomes_a_message(self) -> None:
        """What a client writes becomes one ``MessageReceived``, letter by letter."""
        self._require_webhooks()
        with self.stage() as stage:

            def becomes(body: str) -> None:
                fields = {"body": body}
                (message,) = self._received(stage, fields)
                assert message.body == body, f"{body!r} becomes {message.body!r}"
                assert message.provider_message_id, "it has no id"
                assert message.sender, "it has no sender"
                ours = {message.recipient, message.group} & set(stage.addresses())
                assert ours, f"its recipient {message.recipient!r} is none of the addresses()"

            self.hold(texts(longest=self.longest_body), becomes)

    @check("inbound.names-its-sender", Tier.BRONZE, is_ability=True)
    async def test_text_names_its_sender(self, stage: Stage) -> None:
        """The sender is the client who wrote, in the form in which texts are sent to him."""
        self._require_webhooks()
        (message,) = self._received(stage, {"from": self.recipient})
        assert message.sender == self.recipient, (
            f"a text from {self.recipient!r} comes from {message.sender!r}"
        )

    @check("inbound.equal-texts-are-two", Tier.BRONZE, is_ability=True)
    async def test_equal_texts_are_two(self, stage: Stage) -> None:
        """Two equal texts of a client have two ids: both count."""
        self._require_webhooks()
        one, other = (self._received(stage, {"body": "Yes."})[0] for _ in range(2))
        assert one.provider_message_id != other.provider_message_id, "equal texts have one id"

    @check("delivery.reports-reach-their-message", Tier.SILVER, is_ability=True)
    async def test_reports_reach_their_message(self, stage: Stage) -> None:
        """What the provider reports names the text by the id that ``send`` gave."""
        self._require_webhooks()
        async with stage.provider() as provider:
            message = self.message(stage)
            receipt = await self.send(provider, message)

        def reports() -> list[DeliveryReported]:
            events = _events(self, stage, [*stage.arrived(), *asked])
            return [one for one in events if isinstance(one, DeliveryReported)]

        asked = happen_all(self, stage)
        assert await stage.wait_for(reports), (
            "no webhook of the sandbox reports a delivery, neither by itself nor by its events(): "
            "if the provider reports none, say so by NotSupported in skips"
        )
        for report in reports():
            assert report.provider_message_id == receipt.provider_message_id, (
                f"send gave {receipt.provider_message_id!r}, and reported is "
                f"{report.provider_message_id!r}"
            )
            is_found = report.sender in stage.addresses() or report.group in stage.addresses()
            assert is_found or report.attempt_id == message.attempt_id, (
                "a report names neither our address nor the attempt"
            )
            assert report.attempt_id in {None, message.attempt_id}, "a report names another attempt"

    def _require_webhooks(self) -> None:
        if not self.spec.webhooks:
            leave_out(NotSupported("the spec has no webhooks: nobody can write to us"))

    def _received(self, stage: Stage, fields: Mapping[str, str]) -> list[MessageReceived]:
        events = stage.server.call(stage.sandbox.events)
        assert events, "the sandbox has no events(): none of its clients can write"
        name = self.inbound_event or events[0].name
        assert name in {one.name for one in events}, f"the sandbox has no event {name!r}"
        (event,) = [one for one in events if one.name == name]
        missing = set(fields) - {field.name for field in event.fields}
        assert not missing, f"the event {name!r} needs the fields {', '.join(_FIELDS)}"
        sent = happen(self, stage, name, fields)
        assert sent, f"the event {name!r} of the sandbox sends nothing with {dict(fields)!r}"
        found = _events(self, stage, sent)
        received = [one for one in found if isinstance(one, MessageReceived)]
        assert len(received) == 1, f"one text becomes {found!r}"
        return received


def _events(
    suite: ChannelChecks, stage: Stage, requests: Sequence[WebhookRequest]
) -> list[ProviderEvent]:
    """Verify and parse *requests*, as the host and the worker do."""
    settings: Any = stage.settings()
    events: list[ProviderEvent] = []
    for request in requests:
        for webhook in suite.spec.webhooks:
            if is_for(webhook, request):
                webhook.verify(request, settings)
                events += webhook.parse(request)
    return events
