"""The provider itself, on Stripe's SDK. The calls: https://docs.stripe.com/api."""

import datetime as dt
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import stripe
from typing_extensions import override

from clientflow_core.domain.billing import (
    BilledOrganization,
    CheckoutRequest,
    HostedPage,
    Invoice,
    Plan,
    Subscription,
    SubscriptionStatus,
    UsageReport,
)
from clientflow_core.errors import AuthFailed, ProviderRefused, RejectedInput
from clientflow_core.providers.billing import BillingProvider, SupportsInvoices, SupportsUsage
from clientflow_core.providers.catch_up import MissedPage, SupportsCatchUp
from clientflow_core.providers.spec import ProviderContext
from clientflow_plugins.stripe.answers import (
    Fields,
    first_item,
    read_account_name,
    read_id,
    read_invoice,
    read_page,
    read_plans,
    read_subscription,
)
from clientflow_plugins.stripe.calls import ask, ask_all
from clientflow_plugins.stripe.errors import map_error
from clientflow_plugins.stripe.http_client import TOTAL_SECONDS, SharedSessionClient
from clientflow_plugins.stripe.missed import read_missed
from clientflow_plugins.stripe.settings import API_VERSION, StripeSettings
from clientflow_plugins.stripe.webhooks import EVENT_TYPES

if TYPE_CHECKING:
    from stripe._base_address import BaseAddresses
    from stripe.params import EventListParams, SubscriptionUpdateParams
    from stripe.params.checkout import SessionCreateParams

ORGANIZATION_KEY: Final = "organization_id"
_PAGE: Final = 100
_DUPLICATE_USAGE: Final = "duplicate_meter_event"
_DUPLICATE_WORDS: Final = "already exists with identifier"

# Its lines hold what was asked and answered, and so names and e-mail addresses.
logging.getLogger("stripe").setLevel(logging.WARNING)
# Or each request tells Stripe of this machine, with an id that is written to the home folder.
stripe.enable_telemetry = False


class StripeBilling(BillingProvider, SupportsUsage, SupportsInvoices, SupportsCatchUp):
    """Sells plans through one Stripe account.

    A plan is a recurring price with a lookup key, which is our name for it. Nothing is repeated in
    here: the core does that, with the same *key*, which Stripe is given as idempotency key.

    Args:
        context: lends the HTTP session, which is never closed here.
        settings: the account.
        total_seconds: the deadline of one request.
    """

    def __init__(
        self,
        context: ProviderContext,
        settings: StripeSettings,
        *,
        total_seconds: float = TOTAL_SECONDS,
    ) -> None:
        self._api_url = settings.api_url
        url = self._api_url
        client = stripe.StripeClient(
            settings.secret_key.reveal(),
            stripe_version=API_VERSION,
            # All four, or what has a host of its own leaves the sandbox.
            base_addresses=_addresses(url) if settings.api_base_url else None,
            max_network_retries=0,
            http_client=SharedSessionClient(context.http, total_seconds=total_seconds),
        )
        self._api = client.v1
        # Their first use imports them: on opening, or a first call's deadline pays for it.
        self._checkouts = client.v1.checkout.sessions
        self._portals = client.v1.billing_portal.sessions
        self._usage = client.v1.billing.meter_events
        self._accounts, self._customers = client.v1.accounts, client.v1.customers
        self._prices, self._subscriptions = client.v1.prices, client.v1.subscriptions
        self._invoices, self._events = client.v1.invoices, client.v1.events

    @override
    async def verify(self) -> str:
        """Fetch the account and give its name.

        Raises:
            AuthFailed: the key does not fit, or may not read the account.
            ProviderUnavailable: Stripe did not answer.
        """
        try:
            return await ask(self._accounts.retrieve_current_async(), read_account_name)
        except AuthFailed:
            raise
        except ProviderRefused as error:
            raise AuthFailed(str(error), provider_code=error.provider_code) from error

    @override
    async def list_plans(self) -> Sequence[Plan]:
        """Give the active prices that have a lookup key, the newest first."""
        asked = self._prices.list_async(
            {"active": True, "type": "recurring", "limit": _PAGE, "expand": ["data.product"]}
        )
        return await ask_all(asked, read_plans)

    @override
    async def ensure_customer(self, organization: BilledOrganization, *, key: str) -> str:
        """Give the customer that bears our id, made if there is none of this e-mail address.

        A list is asked first, since Stripe's search learns of a new customer only after a while:
        https://docs.stripe.com/search#data-freshness.
        """
        ours = str(organization.organization_id)
        asked = self._customers.list_async({"email": organization.email, "limit": _PAGE})
        known = await ask_all(asked, lambda found: [one for one in found if _is_of(one, ours)])
        if known:
            return read_id(known[-1])
        made = self._customers.create_async(
            {
                "name": organization.name,
                "email": organization.email,
                "metadata": {ORGANIZATION_KEY: ours},
            },
            {"idempotency_key": key},
        )
        return await ask(made, read_id, is_change=True)

    @override
    async def check_out(self, request: CheckoutRequest, *, key: str) -> HostedPage:
        """Make a checkout session for the plan; it is open for 24 hours.

        Raises:
            RejectedInput: there is no such plan or customer.
        """
        price = await self._price_of(request.plan_key)
        params: SessionCreateParams = {
            "mode": "subscription",
            "customer": request.provider_customer_id,
            "line_items": [{"price": price, "quantity": 1}],
            "success_url": request.success_url,
            "cancel_url": request.cancel_url,
        }
        if request.trial_days:
            params["subscription_data"] = {"trial_period_days": request.trial_days}
        made = self._checkouts.create_async(params, {"idempotency_key": key})
        return await ask(made, self._read_page, is_change=True)

    @override
    async def open_portal(self, provider_customer_id: str, *, return_url: str) -> HostedPage:
        """Make a session of the customer portal; its page may be used for a few minutes.

        Raises:
            RejectedInput: there is no such customer.
        """
        made = self._portals.create_async(
            {"customer": provider_customer_id, "return_url": return_url}
        )
        return await ask(made, self._read_page, is_change=True)

    @override
    async def get_subscription(self, provider_subscription_id: str) -> Subscription:
        """Read one subscription.

        Raises:
            RejectedInput: there is none.
        """
        asked = self._subscriptions.retrieve_async(provider_subscription_id)
        return await self._with_plan(await ask(asked, dict))

    @override
    async def list_subscriptions(self, provider_customer_id: str) -> Sequence[Subscription]:
        """Read all of a customer's, those that are over too, the newest first."""
        asked = self._subscriptions.list_async(
            {"customer": provider_customer_id, "status": "all", "limit": _PAGE}
        )
        found = await ask_all(asked, list)
        return [await self._with_plan(fields) for fields in found]

    @override
    async def change_plan(
        self, provider_subscription_id: str, *, plan_key: str, key: str
    ) -> Subscription:
        """Put the price of the plan in place of the present one, and settle the difference now.

        What cannot be paid changes nothing.

        Raises:
            RejectedInput: there is no such plan or subscription, or it is over.
            ProviderRefused: the payment was declined.
        """
        asked = self._subscriptions.retrieve_async(provider_subscription_id)
        item = await ask(asked, lambda one: read_id(first_item(one)))
        params: SubscriptionUpdateParams = {
            "items": [{"id": item, "price": await self._price_of(plan_key)}],
            "proration_behavior": "always_invoice",
            "payment_behavior": "error_if_incomplete",
        }
        updated = self._subscriptions.update_async(
            provider_subscription_id, params, {"idempotency_key": key}
        )
        return await ask(
            updated, lambda one: read_subscription(one, plan_key=plan_key), is_change=True
        )

    @override
    async def cancel(
        self, provider_subscription_id: str, *, is_at_once: bool, key: str
    ) -> Subscription:
        """End it now, or with the period that is paid for; what is over stays so.

        Raises:
            RejectedInput: there is no such subscription.
        """
        now = await self.get_subscription(provider_subscription_id)
        if now.status is SubscriptionStatus.CANCELED:
            return now
        if is_at_once:
            # Stripe takes no key for it, and needs none: it can be ended only once.
            ended = self._subscriptions.cancel_async(provider_subscription_id)
        else:
            ended = self._subscriptions.update_async(
                provider_subscription_id, {"cancel_at_period_end": True}, {"idempotency_key": key}
            )
        return await ask(
            ended, lambda one: read_subscription(one, plan_key=now.plan_key), is_change=True
        )

    @override
    async def report_usage(self, report: UsageReport) -> None:
        """Send a meter event; the meter's event name is ours for what is counted.

        Raises:
            RejectedInput: there is no such meter or customer, or it was more than 35 days ago.
        """
        sent = self._usage.create_async(
            {
                "event_name": report.meter,
                "identifier": str(report.id),
                "timestamp": int(report.occurred_at.timestamp()),
                "payload": {
                    "stripe_customer_id": report.provider_customer_id,
                    "value": str(report.quantity),
                },
            },
            {"idempotency_key": str(report.id)},
        )
        try:
            await ask(sent, lambda _: None, is_change=True)
        except RejectedInput as error:
            if not _is_told_already(error):
                raise

    @override
    async def list_invoices(self, provider_customer_id: str) -> Sequence[Invoice]:
        """Read all of a customer's, the newest first."""
        asked = self._invoices.list_async({"customer": provider_customer_id, "limit": _PAGE})
        return await ask_all(asked, lambda found: [read_invoice(one) for one in found])

    @override
    async def list_missed(self, *, since: dt.datetime, cursor: str | None) -> MissedPage:
        """List the events that some endpoint has not taken, the newest first.

        Stripe repeats them for three days by itself, and lists them for thirty. Those that another
        endpoint of the account has not taken are among them.

        Raises:
            AuthFailed: the key does not fit any more, or may not read events.
            ProviderUnavailable: Stripe did not answer.
        """
        params: EventListParams = {
            "types": list(EVENT_TYPES),
            "delivery_success": False,
            "created": {"gte": int(since.timestamp())},
            "limit": _PAGE,
        }
        if cursor is not None:
            params["starting_after"] = cursor
        return await ask(self._events.list_async(params), read_missed)

    def _read_page(self, fields: Fields) -> HostedPage:
        return read_page(fields, api_url=self._api_url)

    async def _price_of(self, plan_key: str) -> str:
        asked = self._prices.list_async({"lookup_keys": [plan_key], "active": True, "limit": 1})
        found = await ask_all(asked, lambda prices: [read_id(one) for one in prices])
        if not found:
            msg = f"Stripe has no active price with the lookup key {plan_key!r}"
            raise RejectedInput(msg)
        return found[0]

    async def _with_plan(self, fields: Fields) -> Subscription:
        try:
            price = first_item(fields)["price"]
            plan_key = price["lookup_key"] or await self._successor_key(price)
            return read_subscription(fields, plan_key=plan_key)
        except (LookupError, TypeError, ValueError) as error:
            raise map_error(error, is_change=False) from error

    async def _successor_key(self, price: Fields) -> str | None:
        """Give the plan whose former price this is: the key has gone on to the next one."""
        asked = self._prices.list_async(
            {"product": price["product"], "active": True, "type": "recurring", "limit": _PAGE}
        )
        interval = price["recurring"]["interval"]

        def read_keys(found: Sequence[Fields]) -> set[str]:
            same = [one for one in found if one["recurring"]["interval"] == interval]
            return {one["lookup_key"] for one in same if one["lookup_key"]}

        keys = await ask_all(asked, read_keys)
        return keys.pop() if len(keys) == 1 else None


def _addresses(url: str) -> "BaseAddresses":
    return {"api": url, "connect": url, "files": url, "meter_events": url}


def _is_of(customer: Fields, organization: str) -> bool:
    return bool((customer["metadata"] or {}).get(ORGANIZATION_KEY) == organization)


def _is_told_already(error: RejectedInput) -> bool:
    # The code is not always there: langfuse/langfuse#16292.
    return error.provider_code == _DUPLICATE_USAGE or _DUPLICATE_WORDS in str(error)
