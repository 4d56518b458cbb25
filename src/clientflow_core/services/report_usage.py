"""What was used is told to who charges for it."""

from typing import Final

import attrs
import structlog

from clientflow_core import failpoints
from clientflow_core.domain.billing import UsageReport
from clientflow_core.domain.subscriptions import HeldSubscription, UsageEvent
from clientflow_core.errors import (
    AuthFailed,
    OutcomeUnknown,
    ProviderRefused,
    ProviderUnavailable,
)
from clientflow_core.jobs.handlers import JobRun, RetryLater
from clientflow_core.persistence.repositories.subscriptions import find_current_subscription
from clientflow_core.persistence.repositories.usage_events import (
    find_unreported,
    mark_reported,
)
from clientflow_core.providers.billing import SupportsUsage
from clientflow_core.registry.registry import ProviderRegistry

# Credentials are mended by a person.
_UNFIT_PAUSE_SECONDS: Final = 300.0

log = structlog.get_logger(__name__)


@attrs.frozen
class _Step:
    """What is told to whom."""

    used: UsageEvent
    payer: HeldSubscription


async def report_usage(run: JobRun, *, registry: ProviderRegistry) -> None:
    """Tell the provider of the organization's subscription what the job names, if it wants to know.

    Told twice it counts once there, by its id. What it refuses for good, such as for a meter that
    it does not know, stays unreported.

    Raises:
        RetryLater: the provider cannot be told now, or it is not known whether it was.
        PluginError: it is not enabled.
    """
    usage_event_id = run.job.id_arg("usage_event_id")
    async with run.transaction() as transaction:
        used = await find_unreported(transaction, usage_event_id)
        payer = await find_current_subscription(transaction)
    is_told = False
    if used is not None and payer is not None:
        is_told = await _tell(run, _Step(used, payer), registry)
    async with run.last_transaction() as transaction:
        if is_told:
            await mark_reported(transaction, usage_event_id)


async def _tell(run: JobRun, step: _Step, registry: ProviderRegistry) -> bool:
    report = UsageReport(
        id=step.used.id,
        provider_customer_id=step.payer.subscription.provider_customer_id,
        meter=step.used.meter,
        quantity=step.used.quantity,
        occurred_at=step.used.occurred_at,
    )
    try:
        billing = await registry.billing(
            step.payer.provider, organization_id=run.job.organization_id
        )
        if not isinstance(billing, SupportsUsage):
            return False
        await billing.report_usage(report)
        failpoints.hit("report_usage.told")
    except AuthFailed as error:
        pause = _UNFIT_PAUSE_SECONDS
        raise RetryLater(error.code, delay_seconds=pause, is_attempt=False) from error
    except ProviderRefused as error:
        log.warning(
            "usage_refused", provider=step.payer.provider, meter=step.used.meter, error=error.code
        )
        return False
    except ProviderUnavailable as error:
        raise RetryLater(error.code, delay_seconds=error.retry_after_seconds) from error
    except OutcomeUnknown as error:
        raise RetryLater(error.code) from error
    return True
