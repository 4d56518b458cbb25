"""Whether what the billing provider sells is what we have written down of it, to the cent."""

import functools
from collections.abc import Mapping
from typing import Final

from clientflow_core.contributions.checks import CheckResult, failed, passed, skipped
from clientflow_core.domain.billing import Plan
from clientflow_core.persistence.repositories.plans import list_plans
from clientflow_core.services.sync_billing import find_plans, record_sync
from clientflow_host.checklist.catalogue import load_catalogue
from clientflow_host.checklist.host_checks import HostCheck, HostCheckContext

# Each with the plan that it asks for. The plugin says whether that has to be on sale.
_PLANS: Final[Mapping[str, str]] = {"BS1": "free", "BS2": "pro", "BS3": "scale"}


async def check_plan(context: HostCheckContext, *, item: str) -> CheckResult:
    """Compare a plan as the provider sells it with what our table of plans says."""
    key, provider = _PLANS[item], load_catalogue()[item].plugin or ""
    expected = f"the plan {key} is in the database as {provider} sells it"
    sold = await (await context.registry.billing(provider)).list_plans()
    theirs = next((plan for plan in sold if plan.key == key), None)
    if theirs is None:
        hint = f"The check of the plugin {provider} says whether it has to be."
        return skipped(f"{key} is not on sale", expected=expected, hint=hint)
    ours = await _ours(context, provider, key)
    if ours == theirs:
        found = f"{ours.title} for {ours.price} each {ours.interval}"
        return passed(found, expected=expected)
    found = "it is not there" if ours is None else f"{ours.title} for {ours.price}"
    hint = "Run `clientflow billing sync`; the worker does it every six hours, if one runs."
    return failed(found, expected=expected, hint=hint)


async def sync(context: HostCheckContext) -> str:
    """Write down what is on sale; every customer's subscriptions are read anew, too."""
    found = await find_plans(context.registry)
    async with context.database.system() as transaction:
        await record_sync(transaction, found)
    return f"Written down is what {', '.join(sorted(found.plans)) or 'nobody'} sells."


async def _ours(context: HostCheckContext, provider: str, key: str) -> Plan | None:
    async with context.database.system() as transaction:
        listed = await list_plans(transaction, [provider])
    return next((one.plan for one in listed if one.plan.key == key), None)


CHECKS: Final = tuple(
    HostCheck(
        id=item,
        run=functools.partial(check_plan, item=item),
        fix=sync,
        fix_title="Write down what the billing providers sell (clientflow billing sync)",
    )
    for item in _PLANS
)
