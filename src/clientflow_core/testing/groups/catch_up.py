"""Asking afterwards for what nobody has taken: each as its webhook was, however many there are."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, Final

from clientflow_core.clock import SystemClock
from clientflow_core.errors import BadPayload
from clientflow_core.providers.catch_up import MissedPage, MissedWebhook
from clientflow_core.providers.spec import Capability
from clientflow_core.providers.webhooks import WebhookRequest, WebhookSpec
from clientflow_core.testing.checks import Tier, check
from clientflow_core.testing.conformance import Conformance
from clientflow_core.testing.groups.errors import require_unavailable
from clientflow_core.testing.samples import happen, happen_all, is_for
from clientflow_core.testing.skips import NotSupported, leave_out
from clientflow_core.testing.stage import Stage

_HOUR: Final = dt.timedelta(hours=1)
# More than a page of any provider that we know is asked for here.
_MANY: Final = 220
_MOST_PARTS: Final = 1_000


class CatchUpChecks(Conformance):
    """``list_missed``, where it is declared."""

    @check("missed.means-what-was-sent", Tier.SILVER, is_ability=True)
    async def test_missed_means_what_was_sent(self, stage: Stage) -> None:
        """What nobody has taken is told with the id, the account and the meaning of its webhook."""
        self._require_catch_up()
        async with stage.provider() as provider:
            await self.use(provider, stage)
            known = _by_id(self.spec.webhooks, happen_all(self, stage), stage.settings())
            missed = await _list_all(provider)
        assert missed, "nothing is told, though nobody has taken what has happened"
        found = [one for one in missed if (one.webhook, one.external_id) in known]
        assert found, f"none has the id of its webhook: {missed[0].external_id!r}"
        for one in found:
            signed = known[one.webhook, one.external_id]
            self._require_same(one, signed, stage.settings())

    @check("missed.none-is-left-out", Tier.SILVER, is_ability=True)
    async def test_none_is_left_out(self, stage: Stage) -> None:
        """Of very many each is told once, part by part; and a part again, when asked again."""
        self._require_catch_up()
        async with stage.provider() as provider:
            await self.use(provider, stage)
            happened = self._happen_often(stage)
            missed = await _list_all(provider)
            told = [(one.webhook, one.external_id) for one in missed]
            assert len(set(told)) == len(told), "one is told twice"
            kinds = {one.webhook for one in missed}
            wanted = _by_id(self.spec.webhooks, happened, stage.settings())
            left_out = [key for key in wanted if key[0] in kinds and key not in set(told)]
            assert not left_out, f"{len(left_out)} of {len(wanted)} are not told: {left_out[0]}"
            first = await _list(provider, None)
            if first.next_cursor is not None:
                once, again = [await _list(provider, first.next_cursor) for _ in range(2)]
                assert once.webhooks == again.webhooks, "a cursor that was used gives another part"

    @check("missed.begins-at-its-moment", Tier.SILVER, is_ability=True)
    async def test_missed_begins_at_its_moment(self, stage: Stage) -> None:
        """What happened before the moment that is asked for is not told."""
        self._require_catch_up()
        async with stage.provider() as provider:
            await self.use(provider, stage)
            happen_all(self, stage)
            # Some providers know days alone.
            missed = await _list_all(provider, since=SystemClock().now() + 48 * _HOUR)
        assert not missed, f"what happened two days before is told: {missed[0]!r}"

    @check("missed.failure-is-unavailable", Tier.SILVER, is_ability=True)
    async def test_missed_failure_is_unavailable(self, stage: Stage) -> None:
        """When the provider does not answer, that is ``ProviderUnavailable``, never "nothing"."""
        self._require_catch_up()
        async with stage.provider() as provider:
            await require_unavailable(stage, lambda: _list(provider, None), what="the list")

    def _require_catch_up(self) -> None:
        if Capability.CATCH_UP not in self.spec.capabilities:
            leave_out(NotSupported("the spec does not declare catch_up"))

    def _require_same(self, missed: MissedWebhook, signed: WebhookRequest, settings: Any) -> None:
        (webhook,) = [one for one in self.spec.webhooks if one.name == missed.webhook]
        verified = webhook.verify(signed, settings)
        where = f"{missed.webhook}, {missed.external_id!r}"
        assert missed.account == verified.account, f"{where}: of the account {missed.account!r}"
        told = WebhookRequest(
            method=signed.method, url=signed.url, headers=missed.headers, body=missed.body
        )
        try:
            is_same = webhook.parse(told) == webhook.parse(signed)
        except BadPayload as error:
            msg = f"{where}: nobody can read it: {error}"
            raise AssertionError(msg) from error
        assert is_same, f"{where}: means something else"

    def _happen_often(self, stage: Stage) -> Sequence[WebhookRequest]:
        """Let each event happen until it cannot any more, or has made very many webhooks."""
        happened: list[WebhookRequest] = []
        # Each, since those of the first need not be among what is listed.
        for event in stage.server.call(stage.sandbox.events):
            most = len(happened) + _MANY
            while len(happened) < most and (more := happen(self, stage, event.name)):
                happened += more
        return happened


async def _list(
    provider: Any, cursor: str | None, *, since: dt.datetime | None = None
) -> MissedPage:
    begin = since or SystemClock().now() - _HOUR
    page: MissedPage = await provider.list_missed(since=begin, cursor=cursor)
    return page


async def _list_all(provider: Any, *, since: dt.datetime | None = None) -> list[MissedWebhook]:
    found: list[MissedWebhook] = []
    cursor: str | None = None
    for _ in range(_MOST_PARTS):
        page = await _list(provider, cursor, since=since)
        found += page.webhooks
        cursor = page.next_cursor
        if cursor is None:
            return found
    msg = f"there is another part after {_MOST_PARTS}"
    raise AssertionError(msg)


def _by_id(
    webhooks: Sequence[WebhookSpec], requests: Sequence[WebhookRequest], settings: Any
) -> Mapping[tuple[str, str], WebhookRequest]:
    return {
        (webhook.name, webhook.verify(request, settings).external_id): request
        for request in requests
        for webhook in webhooks
        if is_for(webhook, request)
    }
