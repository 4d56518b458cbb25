"""What can be told of the plans at Stripe: compared with the catalogue, where one is set.

Prices: https://docs.stripe.com/api/prices; the customer portal:
https://docs.stripe.com/api/customer_portal/configurations.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

from clientflow_core.contributions.checks import (
    CheckContext,
    CheckResult,
    CheckSpec,
    failed,
    passed,
    skipped,
)
from clientflow_plugins.stripe.account import Fields, change, read_list
from clientflow_plugins.stripe.catalogue import Entry, read_catalogue
from clientflow_plugins.stripe.settings import CATALOGUE_ENV, StripeSettings

_PRODUCTS_URL: Final = "https://dashboard.stripe.com/products"
_PORTAL_URL: Final = "https://dashboard.stripe.com/settings/billing/portal"
_PRICES: Final = "/v1/prices"
_PORTALS: Final = "/v1/billing_portal/configurations"


async def check_plans(context: CheckContext) -> CheckResult:
    """Compare the plans on sale with those of the catalogue; without one, there must be some."""
    expected = "one active recurring price with a lookup key for each plan"
    keys, catalogue = await _keys_on_sale(context), _catalogue(context)
    if catalogue is None:
        if keys:
            return passed(f"plans: {', '.join(sorted(keys))}", expected=expected)
        hint = f"give each price at {_PRODUCTS_URL} a lookup key: the plan's name, such as pro"
        return failed("no price is a plan", expected=expected, hint=hint)
    wanted = {one.key for one in catalogue}
    if missing := sorted(wanted - keys):
        hint = f"let `clientflow checklist --only ES4 --fix` make them, or do it at {_PRODUCTS_URL}"
        return failed(
            f"not on sale: {', '.join(missing)}",
            expected=f"the plans of {CATALOGUE_ENV}",
            hint=hint,
        )
    if extra := sorted(keys - wanted):
        hint = f"archive the price at {_PRODUCTS_URL}, or write the plan into {CATALOGUE_ENV}"
        found = f"on sale, and not in the catalogue: {', '.join(extra)}"
        return failed(found, expected=f"the plans of {CATALOGUE_ENV}", hint=hint)
    return passed(f"plans: {', '.join(sorted(keys))}", expected=f"the plans of {CATALOGUE_ENV}")


async def make_plans(context: CheckContext) -> str:
    """Make a product with a price for each plan of the catalogue that is not on sale.

    Made twice they cannot be: Stripe takes a lookup key only once.
    """
    catalogue, keys = _catalogue(context), await _keys_on_sale(context)
    if catalogue is None:
        return f"Nothing was made: set {CATALOGUE_ENV} to a file of the plans."
    missing = [one for one in catalogue if one.key not in keys]
    for entry in missing:
        what = f"make a price with the lookup key {entry.key}"
        await change(context, _PRICES, _form(entry), what=what)
    made = ", ".join(f"{one.key} for {one.money}" for one in missing)
    return f"Made at Stripe: {made or 'nothing, all were there'}."


def plan_check(key: str) -> Callable[[CheckContext], Awaitable[CheckResult]]:
    """Give the check for the plan *key* of the production deployment checklist."""

    async def check(context: CheckContext) -> CheckResult:
        expected = f"the plan {key} in the catalogue, if one is set, and on sale at Stripe"
        catalogue = _catalogue(context)
        if catalogue is not None and key not in {one.key for one in catalogue}:
            hint = f"nothing, if that is meant; else write it into {CATALOGUE_ENV}"
            return skipped(f"{CATALOGUE_ENV} has no plan {key}", expected=expected, hint=hint)
        if key in await _keys_on_sale(context):
            return passed(f"{key} is on sale", expected=expected)
        hint = (
            f"make a product at {_PRODUCTS_URL} whose price has the lookup key {key}; if you sell"
            f" other plans, name them in {CATALOGUE_ENV}"
        )
        return failed(f"no active price has the lookup key {key}", expected=expected, hint=hint)

    return check


async def check_prices(context: CheckContext) -> CheckResult:
    """Compare amount, currency, interval and tax behaviour with the catalogue, to the cent."""
    expected = f"what {CATALOGUE_ENV} says, to the cent"
    catalogue = _catalogue(context)
    if catalogue is None:
        hint = f"write the plans into a file of TOML, and set {CATALOGUE_ENV} to its path"
        return skipped("there is no catalogue to compare with", expected=expected, hint=hint)
    what, only = "the prices", {"active": "true", "type": "recurring"}
    terms = dict(await read_list(context, _PRICES, _key_and_terms, what=what, **only))
    wrong = [word for one in catalogue for word in _differences(one, terms.get(one.key, {}))]
    if not wrong:
        return passed(f"{len(catalogue)} plans cost what the catalogue says", expected=expected)
    hint = (
        f"correct {CATALOGUE_ENV}; or add a new price at {_PRODUCTS_URL} and hand the lookup key"
        " over to it: a price cannot be changed"
    )
    return failed("; ".join(wrong), expected=expected, hint=hint)


async def check_portal(context: CheckContext) -> CheckResult:
    """Read what payers may do in the customer portal."""
    expected = "end it with its period; upgrade at once; downgrade with the period"
    what, only = "the settings of the customer portal", {"active": "true", "is_default": "true"}
    found = await read_list(context, _PORTALS, _missing_in_portal, what=what, **only)
    if not found:
        hint = f"save the settings at {_PORTAL_URL} once; without them no portal opens"
        return failed("the portal has no settings", expected=expected, hint=hint)
    if found[0]:
        hint = f"switch it on at {_PORTAL_URL}, Subscriptions"
        return failed(f"not so: {'; '.join(found[0])}", expected=expected, hint=hint)
    return passed("all of it", expected=expected)


PLAN_CHECKS: Final = (
    CheckSpec(
        id="ES4",
        title="Plans are on sale at Stripe",
        run=check_plans,
        fix=make_plans,
        fix_title=f"Make the plans of {CATALOGUE_ENV} that are missing at Stripe",
        deadline_seconds=30.0,
    ),
    CheckSpec(id="BS1", title="The plan free is on sale", run=plan_check("free")),
    CheckSpec(id="BS2", title="The plan pro is on sale", run=plan_check("pro")),
    CheckSpec(id="BS3", title="The plan scale is on sale", run=plan_check("scale")),
    CheckSpec(id="BS4", title="Plans cost what the catalogue says", run=check_prices),
    CheckSpec(id="BS6", title="Payers may change and end their plan", run=check_portal),
)


def _catalogue(context: CheckContext) -> Sequence[Entry] | None:
    path = context.settings(StripeSettings).catalogue
    # One that cannot be read would have refused the start.
    return None if path is None else read_catalogue(path)


async def _keys_on_sale(context: CheckContext) -> set[str]:
    billing = await context.providers.billing("stripe")
    return {plan.key for plan in await billing.list_plans()}


def _form(entry: Entry) -> Mapping[str, str]:
    terms = {name: str(value) for name, value in entry.terms.items()}
    return {
        "lookup_key": entry.key,
        "product_data[name]": entry.title,
        "unit_amount": terms["amount"],
        "currency": terms["currency"],
        "recurring[interval]": terms["interval"],
        "tax_behavior": terms["tax_behavior"],
    }


def _key_and_terms(price: Fields) -> tuple[str | None, Mapping[str, object]]:
    return price["lookup_key"], {
        "amount": price["unit_amount"],
        "currency": price["currency"],
        "interval": price["recurring"]["interval"],
        "tax_behavior": price["tax_behavior"],
    }


def _differences(entry: Entry, terms: Mapping[str, object]) -> Sequence[str]:
    if not terms:
        return [f"{entry.key} is not on sale"]
    return [
        f"{entry.key} has {name} {terms[name]} instead of {wanted}"
        for name, wanted in entry.terms.items()
        if terms[name] != wanted
    ]


def _missing_in_portal(configuration: Fields) -> Sequence[str]:
    features = configuration["features"]
    ending, updating = features["subscription_cancel"], features["subscription_update"]
    later = {one["type"] for one in updating["schedule_at_period_end"]["conditions"]}
    has = {
        "payers may end it": ending["enabled"],
        "it ends with its period": ending["mode"] == "at_period_end",
        "payers may change the plan": updating["enabled"]
        and "price" in updating["default_allowed_updates"],
        "an upgrade is charged at once": updating["proration_behavior"] == "always_invoice",
        "a downgrade waits for the period's end": "decreasing_item_amount" in later,
    }
    return [words for words, is_so in has.items() if not is_so]
