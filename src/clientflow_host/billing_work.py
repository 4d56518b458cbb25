"""What the worker does about billing."""

import functools
from collections.abc import Sequence

from clientflow_core.jobs.handlers import Handler, ProviderJob
from clientflow_core.jobs.schedules import Schedule
from clientflow_core.persistence.repositories.usage_events import REPORT_USAGE
from clientflow_core.registry.registry import ProviderRegistry
from clientflow_core.services.apply_subscription_change import (
    APPLY_SUBSCRIPTION_CHANGE,
    apply_subscription_change,
)
from clientflow_core.services.choose_billing_provider import billing_providers
from clientflow_core.services.report_usage import report_usage
from clientflow_core.services.sync_billing import SYNC_BILLING, sync_billing


def billing_handlers(registry: ProviderRegistry) -> dict[str, Handler]:
    """Give who does which kind of job that concerns billing."""
    apply = functools.partial(apply_subscription_change, registry=registry)
    report = functools.partial(report_usage, registry=registry)
    sync = functools.partial(sync_billing, registry=registry)
    return {
        APPLY_SUBSCRIPTION_CHANGE: ProviderJob(handle=apply),
        REPORT_USAGE: ProviderJob(handle=report),
        SYNC_BILLING.kind: ProviderJob(handle=sync),
    }


def billing_schedules(registry: ProviderRegistry) -> Sequence[Schedule]:
    """Give what is done at regular times, if there is anybody to be asked."""
    return (SYNC_BILLING,) if billing_providers(registry) else ()
