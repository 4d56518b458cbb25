"""Asking afterwards what was taken: by this an unknown outcome becomes a known one."""

import asyncio
import contextlib
import datetime as dt
from collections.abc import Sequence
from typing import Any, Final

from clientflow_core.clock import SystemClock
from clientflow_core.domain.messages import OutboundMessage, Receipt
from clientflow_core.errors import ProviderError
from clientflow_core.providers.channel import MessageQuery
from clientflow_core.providers.spec import Capability
from clientflow_core.sandbox import Answer
from clientflow_core.testing.checks import Tier, check
from clientflow_core.testing.groups.channel import ChannelChecks
from clientflow_core.testing.groups.errors import require_unavailable
from clientflow_core.testing.skips import NotSupported, leave_out
from clientflow_core.testing.stage import Stage

_MOMENT: Final = dt.timedelta(seconds=1)
# More than a page of any provider that we know.
_MANY: Final = 120
_AT_ONCE: Final = 20


class ChannelLookupChecks(ChannelChecks):
    """``find_messages``, where it is declared."""

    @check("lookup.finds-what-was-taken", Tier.SILVER, is_ability=True)
    async def test_lookup_finds_what_was_taken(self, stage: Stage) -> None:
        """A text whose answer was lost is found, by the id that later reports name."""
        self._require_lookup()
        async with stage.provider() as provider:
            sent = self.message(stage, body="found again")
            receipt = await self.send(provider, sent)
            found = await self._find(provider, sent)
            ids = [one.provider_message_id for one in found]
            assert receipt.provider_message_id in ids, f"what was taken is not found: {ids}"
            lost = self.message(stage, body="lost and found")
            stage.go_wrong(Answer.CUT_AFTER_ACCEPTANCE, calls=1)
            with contextlib.suppress(ProviderError):
                await provider.send(lost)
            stage.behave()
            assert len(await self._find(provider, lost)) == 1, "a text is not found again"

    @check("lookup.finds-behind-many", Tier.SILVER, is_ability=True)
    async def test_lookup_finds_behind_many(self, stage: Stage) -> None:
        """A text is found behind very many that were sent to the same client since."""
        self._require_lookup()
        async with stage.provider() as provider:
            sent = self.message(stage, body="long ago")
            receipt = await self.send(provider, sent)
            for first in range(0, _MANY, _AT_ONCE):
                await asyncio.gather(
                    *(
                        self.send(provider, self.message(stage, body=f"number {number}"))
                        for number in range(first, first + _AT_ONCE)
                    )
                )
            found = await self._find(provider, sent)
        ids = [one.provider_message_id for one in found]
        assert receipt.provider_message_id in ids, (
            f"a text is not found behind {_MANY} others, and would be sent again"
        )

    @check("lookup.finds-nothing-else", Tier.SILVER, is_ability=True)
    async def test_lookup_finds_nothing_else(self, stage: Stage) -> None:
        """A text that was not taken is not found, though others were sent to the same client."""
        self._require_lookup()
        async with stage.provider() as provider:
            await self.send(provider, self.message(stage, body="another text"))
            refused = self.message(stage, body="never taken")
            stage.go_wrong(Answer.CUT_BEFORE, calls=1)
            with contextlib.suppress(ProviderError):
                await provider.send(refused)
            stage.behave()
            found = await self._find(provider, refused)
        assert not found, f"what was never taken is found: {found[0]!r}"

    @check("lookup.failure-is-unavailable", Tier.SILVER, is_ability=True)
    async def test_lookup_failure_is_unavailable(self, stage: Stage) -> None:
        """When the provider does not answer, that is ``ProviderUnavailable``, never "nothing"."""
        self._require_lookup()
        async with stage.provider() as provider:
            sent = self.message(stage)
            await self.send(provider, sent)
            await require_unavailable(stage, lambda: self._find(provider, sent), what="the look-up")

    def _require_lookup(self) -> None:
        if Capability.MESSAGE_LOOKUP not in self.spec.capabilities:
            leave_out(NotSupported("the spec does not declare message_lookup"))

    async def _find(self, provider: Any, message: OutboundMessage) -> Sequence[Receipt]:
        query = MessageQuery(message=message, attempted_at=SystemClock().now() - _MOMENT)
        found: Sequence[Receipt] = await provider.find_messages(query)
        return found
