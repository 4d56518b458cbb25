"""What a service has to have before anybody can use it."""

from typing import Final

from clientflow_core.contributions.checks import CheckResult, failed, passed, skipped
from clientflow_core.persistence.repositories.set_up import SetUp, count_set_up
from clientflow_core.services.choose_billing_provider import billing_providers
from clientflow_host.checklist.host_checks import HostCheck, HostCheckContext

_INIT: Final = "Run `clientflow init --name … --email …`; it changes nothing that is there."


async def check_organization(context: HostCheckContext) -> CheckResult:
    """Look whether there is an organization."""
    expected = "at least one organization"
    found = await _count(context)
    if not found.organizations:
        return failed("none", expected=expected, hint=_INIT)
    return passed(f"{found.organizations}", expected=expected)


async def check_owner(context: HostCheckContext) -> CheckResult:
    """Look whether each organization has somebody who may do everything in it."""
    expected = "each organization has an owner, who signs in with a second factor in production"
    found = await _count(context)
    if not found.organizations:
        return failed("there is no organization", expected=expected, hint=_INIT)
    if found.without_owner:
        many = f"{found.without_owner} of {found.organizations} organizations have none"
        hint = "Run `clientflow init --slug SLUG --email …` with the slug of each of them."
        return failed(many, expected=expected, hint=hint)
    if not context.is_local:
        hint = "There is no second factor yet: keep passwords long, and in a password manager."
        return skipped("each has one; a second factor cannot be told", expected=expected, hint=hint)
    return passed("each has one", expected=expected)


async def check_subscriptions(context: HostCheckContext) -> CheckResult:
    """Look whether each organization lives by a subscription, where any are sold."""
    expected = "each organization has exactly one current subscription"
    if not billing_providers(context.registry):
        hint = "No billing provider is enabled: nothing is sold, so nobody needs one."
        return skipped("nothing is sold", expected=expected, hint=hint)
    found = await _count(context)
    if not found.organizations:
        return failed("there is no organization", expected=expected, hint=_INIT)
    # That there is never more than one is a unique index.
    without = f"{found.without_subscription} of {found.organizations} organizations have none"
    hint = "Their owners choose a plan at /billing; `clientflow init` shows the page of a free one."
    if not found.without_subscription:
        return passed("each has one", expected=expected)
    if context.is_local:
        return skipped(f"{without}, on this machine only", expected=expected, hint=hint)
    return failed(without, expected=expected, hint=hint)


async def _count(context: HostCheckContext) -> SetUp:
    async with context.database.system() as transaction:
        return await count_set_up(transaction)


CHECKS: Final = (
    HostCheck(id="BO1", run=check_organization),
    HostCheck(id="BO2", run=check_owner),
    HostCheck(id="BO3", run=check_subscriptions),
)
