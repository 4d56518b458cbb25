"""Being told: a notice reaches us, is proven, names its watch, and ends when it is asked to."""

from collections.abc import Sequence
from typing import Any, Final

import attrs

from clientflow_core.clock import SystemClock
from clientflow_core.domain.calendars import Watch
from clientflow_core.domain.changes import CalendarChanged
from clientflow_core.errors import WebhookError
from clientflow_core.providers.spec import Capability
from clientflow_core.providers.webhooks import WebhookRequest
from clientflow_core.testing.checks import Tier, check
from clientflow_core.testing.groups.calendar import CalendarChecks, done
from clientflow_core.testing.samples import is_for
from clientflow_core.testing.skips import NotSupported, leave_out
from clientflow_core.testing.stage import Stage

_PATIENCE_SECONDS: Final = 3.0
_QUIET_SECONDS: Final = 0.2


class CalendarPushChecks(CalendarChecks):
    """For a provider that declares ``Capability.PUSH``."""

    @check("push.tells-of-changes", Tier.SILVER, is_ability=True)
    async def test_push_tells_of_changes(self, stage: Stage) -> None:
        """When a calendar changes, a webhook becomes a ``CalendarChanged`` of its watch."""
        self._require_push()
        async with stage.provider() as provider:
            calendar = (await self.written(provider)).provider_calendar_id
            watch = await self._begin(provider, stage, calendar)
            told = await self._told_of_a_change(provider, stage, calendar)
        assert told == [watch.id], f"the watch {watch.id} is on, and told are {told}"

    @check("push.lasts-until-it-says", Tier.SILVER, is_ability=True)
    async def test_push_lasts_until_it_says(self, stage: Stage) -> None:
        """A watch says until when it lasts, and has the name that we gave it."""
        self._require_push()
        async with stage.provider() as provider:
            calendar = (await self.written(provider)).provider_calendar_id
            request = self.watch_request(stage, calendar)
            watch = await done("watch", provider.watch(request))
        assert isinstance(watch, Watch), f"watch gives {watch!r}"
        assert watch.id == request.id, f"asked for {request.id}, the watch is {watch.id}"
        assert watch.provider_watch_id.strip(), "the provider's name of the watch is empty"
        assert watch.expires_at.tzinfo is not None, "the end of the watch has no time zone"
        assert watch.expires_at > SystemClock().now(), f"it ended at {watch.expires_at}"

    @check("push.proof-is-of-its-watch", Tier.BRONZE, is_ability=True)
    async def test_push_proof_is_of_its_watch(self, stage: Stage) -> None:
        """What proves the notice of one watch does not prove that of another."""
        self._require_push()
        async with stage.provider() as provider:
            calendar = (await self.written(provider)).provider_calendar_id
            for _ in range(2):
                await self._begin(provider, stage, calendar)
            await self.put(provider, calendar, self.draft())
            await stage.wait_for(lambda: len({one[0] for one in self._notices(stage)}) > 1)
        notices = dict(self._notices(stage))
        assert len(notices) > 1, "two watches are on, and fewer tell of a change"
        (ours, mine), (theirs, other) = list(notices.items())[:2]
        for name, value in other.headers.items():
            mixed = attrs.evolve(mine, headers={**mine.headers, name: value})
            for told in self._read(stage, mixed):
                assert told == ours, f"with the {name} of {theirs}, a notice of {ours} is taken"

    @check("push.ends-when-it-is-asked-to", Tier.SILVER, is_ability=True)
    async def test_push_ends_when_it_is_asked_to(self, stage: Stage) -> None:
        """After ``end_watch`` nothing is told; one that has ended already is no error."""
        self._require_push()
        async with stage.provider() as provider:
            calendar = (await self.written(provider)).provider_calendar_id
            watch = await self._begin(provider, stage, calendar)
            for _ in range(2):
                await done("end_watch", provider.end_watch(watch))
            told = await self._told_of_a_change(provider, stage, calendar, is_awaited=False)
        assert not told, f"the watch has ended, and told is {told}"

    @check("push.is-renewed-without-a-gap", Tier.GOLD, is_ability=True)
    async def test_push_is_renewed_without_a_gap(self, stage: Stage) -> None:
        """A second watch of the same calendar can begin before the first is ended, and stays."""
        self._require_push()
        async with stage.provider() as provider:
            calendar = (await self.written(provider)).provider_calendar_id
            first = await self._begin(provider, stage, calendar)
            second = await self._begin(provider, stage, calendar)
            await done("end_watch", provider.end_watch(first))
            told = await self._told_of_a_change(provider, stage, calendar)
        assert told == [second.id], f"only {second.id} is on, and told are {told}"

    def _require_push(self) -> None:
        if Capability.PUSH not in self.spec.capabilities:
            leave_out(NotSupported("the spec does not declare PUSH: sync is asked for in turn"))

    async def _begin(self, provider: Any, stage: Stage, calendar: str) -> Watch:
        watch: Watch = await done("watch", provider.watch(self.watch_request(stage, calendar)))
        return watch

    async def _told_of_a_change(
        self, provider: Any, stage: Stage, calendar: str, *, is_awaited: bool = True
    ) -> list[Any]:
        """Put an event, and give which watches tell of it, each once."""
        before = len(stage.arrived())

        def told() -> list[Any]:
            arrived = stage.arrived()[before:]
            return sorted({watch for one in arrived for watch in self._read(stage, one)})

        await self.put(provider, calendar, self.draft())
        if is_awaited:
            await stage.wait_for(told, seconds=_PATIENCE_SECONDS)
        # One too many comes at the same time.
        await stage.wait_for(lambda: False, seconds=_QUIET_SECONDS)
        return told()

    def _notices(self, stage: Stage) -> list[tuple[Any, WebhookRequest]]:
        return [(watch, one) for one in stage.arrived() for watch in self._read(stage, one)]

    def _read(self, stage: Stage, request: WebhookRequest) -> Sequence[Any]:
        """Give the watches of which *request* tells; none where it is refused."""
        told: list[Any] = []
        for webhook in self.spec.webhooks:
            if is_for(webhook, request):
                try:
                    webhook.verify(request, stage.settings())
                except WebhookError:
                    continue
                events = webhook.parse(request)
                told += [one.watch_id for one in events if isinstance(one, CalendarChanged)]
        return told
