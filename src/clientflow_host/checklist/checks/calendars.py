"""Whether the providers of calendars will go on telling us what changes."""

import datetime as dt
from typing import Final

from clientflow_core.contributions.checks import CheckResult, failed, passed, skipped
from clientflow_core.ids import IdPrefix, to_public_id
from clientflow_core.persistence.repositories.calendars import list_watches_ending_before
from clientflow_core.providers.spec import Capability, ProviderKind
from clientflow_host.checklist.host_checks import HostCheck, HostCheckContext

_LEFT: Final = dt.timedelta(hours=24)
# Longer than any watch lasts: so all that are followed are listed.
_EVER: Final = dt.timedelta(days=3650)
_SHOWN: Final = 3


async def check_watches(context: HostCheckContext) -> CheckResult:
    """Tell whether each calendar that is followed is watched for another day at least."""
    expected = "each calendar that is followed has a watch that lasts another 24 hours"
    providers = [
        name
        for name, enabled in context.registry.providers.items()
        if enabled.spec.kind is ProviderKind.CALENDAR
        and Capability.PUSH in enabled.spec.capabilities
    ]
    async with context.database.system() as transaction:
        whole = await list_watches_ending_before(
            transaction, context.now + _EVER, providers=providers
        )
    if not whole:
        hint = "Connect one at /calendar, if calendars are wanted."
        return skipped("no calendar is followed", expected=expected, hint=hint)
    soon = context.now + _LEFT
    ending = [one for one in whole if one.expires_at is None or one.expires_at < soon]
    if not ending:
        return passed(f"{len(whole)} watched", expected=expected)
    names = [to_public_id(IdPrefix.CALENDAR, one.calendar_id) for one in ending[:_SHOWN]]
    return failed(
        f"{len(ending)} of {len(whole)} are not, such as {', '.join(names)}",
        expected=expected,
        hint="See that a worker runs and its log for calendar_not_watched: the provider must reach"
        f" {context.settings.url} by https. It is tried again by itself; until then changes are"
        " found late.",
    )


CHECKS: Final = (HostCheck(id="EC5", run=check_watches),)
