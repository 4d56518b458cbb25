"""The ledger: a billing provider that is nobody but us. It takes no money; it writes down who paid.

All that it keeps are records of the organization that a thing belongs to, each of which changes as
a whole: who is interrupted and asks again finds it done, or not begun.
"""

import asyncio
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

import aiohttp
import attrs
from typing_extensions import override

from clientflow_core.domain.billing import (
    BilledOrganization,
    CheckoutRequest,
    HostedPage,
    Invoice,
    Plan,
    Subscription,
    UsageReport,
)
from clientflow_core.errors import EditConflict, ProviderUnavailable, RejectedInput
from clientflow_core.providers.billing import BillingProvider, SupportsInvoices, SupportsUsage
from clientflow_core.providers.records import MOST_LISTED, NEW, Record
from clientflow_core.providers.spec import ProviderContext
from clientflow_plugins.ledger import books
from clientflow_plugins.ledger.books import Checkout, Contract
from clientflow_plugins.ledger.catalogue import BadCatalogue, read_catalogue
from clientflow_plugins.ledger.names import (
    CHECKOUT,
    CUSTOMER,
    SUBSCRIPTION,
    checkout_of,
    customer_of,
    digest,
    organization_of,
    subscription_of,
)
from clientflow_plugins.ledger.settings import LedgerSettings
from clientflow_plugins.ledger.webhooks import sign_change

T = TypeVar("T")

PAGE: Final = "/x/ledger/books"
_CUSTOMERS: Final = "customers"
_CHECKOUTS: Final = "checkouts"
_SUBSCRIPTIONS: Final = "subscriptions"
_INVOICES: Final = "invoices"
_USAGE: Final = "usage"
_TRIES: Final = 10
_DEADLINE: Final = aiohttp.ClientTimeout(total=10)

Change = Callable[[Contract], Contract]


class LedgerBilling(BillingProvider, SupportsUsage, SupportsInvoices):
    """Sells the plans of a file, and keeps what was sold in the records.

    Args:
        context: what the assembly lends.
        settings: name the file.
    """

    def __init__(self, context: ProviderContext, settings: LedgerSettings) -> None:
        self._context = context
        self._settings = settings
        self._records = context.records
        self._clock = context.clock

    @override
    async def verify(self) -> str:
        count = len(await self.list_plans())
        return f"ledger of {count} plan{'s' if count > 1 else ''}"

    @override
    async def list_plans(self) -> Sequence[Plan]:
        try:
            # A file of somebody's may lie on a disk that is slow, or far away.
            return await asyncio.to_thread(read_catalogue, self._settings.catalogue)
        except BadCatalogue as error:
            msg = f"LEDGER_CATALOGUE {error}"
            raise ProviderUnavailable(msg) from error

    @override
    async def ensure_customer(self, organization: BilledOrganization, *, key: str) -> str:
        del key  # It is one for each organization anyway.
        name = customer_of(organization.organization_id)
        about = {"name": organization.name, "email": organization.email}
        await self._put_once(organization.organization_id, _CUSTOMERS, name, about)
        return name

    @override
    async def check_out(self, request: CheckoutRequest, *, key: str) -> HostedPage:
        whose = await self._require_customer(request.provider_customer_id)
        checkout = Checkout(
            id=checkout_of(whose, key=key),
            customer=request.provider_customer_id,
            plan=await self._plan(request.plan_key),
            trial_days=request.trial_days,
            success_url=request.success_url,
            cancel_url=request.cancel_url,
            begun_at=self._clock.now(),
        )
        kept = await self._put_once(whose, _CHECKOUTS, checkout.id, books.to_json(checkout))
        begun = books.checkout_from(kept.value)
        # Its price may be another one by now; that of the page stays.
        same = attrs.evolve(checkout, plan=begun.plan, begun_at=begun.begun_at)
        if same != begun or checkout.plan.key != begun.plan.key:
            msg = "the key was used for another checkout"
            raise RejectedInput(msg)
        return HostedPage(url=self._page(f"checkout={begun.id}"), expires_at=begun.expires_at)

    @override
    async def open_portal(self, provider_customer_id: str, *, return_url: str) -> HostedPage:
        # The page is one of the host's own, with the way back in its navigation.
        del return_url
        await self._require_customer(provider_customer_id)
        return HostedPage(url=self._page())

    @override
    async def get_subscription(self, provider_subscription_id: str) -> Subscription:
        contract, _ = await self._read_contract(provider_subscription_id)
        return contract.as_subscription(self._clock.now())

    @override
    async def list_subscriptions(self, provider_customer_id: str) -> Sequence[Subscription]:
        whose = await self._require_customer(provider_customer_id)
        now = self._clock.now()
        return [one.as_subscription(now) for one in await self.contracts(whose)]

    @override
    async def change_plan(
        self, provider_subscription_id: str, *, plan_key: str, key: str
    ) -> Subscription:
        plan = await self._plan(plan_key)
        return await self._change_once(
            provider_subscription_id, key, lambda one: books.move(one, plan, self._clock.now())
        )

    @override
    async def cancel(
        self, provider_subscription_id: str, *, is_at_once: bool, key: str
    ) -> Subscription:
        return await self._change_once(
            provider_subscription_id,
            key,
            lambda one: books.end(one, self._clock.now(), is_at_once=is_at_once),
        )

    @override
    async def report_usage(self, report: UsageReport) -> None:
        whose = await self._require_customer(report.provider_customer_id)
        used = {
            "meter": report.meter,
            "quantity": report.quantity,
            "occurred_at": report.occurred_at.isoformat(),
        }
        await self._put_once(whose, _USAGE, str(report.id), used)

    @override
    async def list_invoices(self, provider_customer_id: str) -> Sequence[Invoice]:
        whose = await self._require_customer(provider_customer_id)
        settled = [books.invoice_from(one.value) for one in await self._list(whose, _INVOICES)]
        latest = [one.latest for one in await self.contracts(whose) if one.latest is not None]
        # An interrupted change may have put aside what is the latest still.
        found = {one.provider_invoice_id: one for one in (*settled, *latest)}
        return sorted(found.values(), key=lambda one: one.issued_at, reverse=True)

    async def contracts(self, organization_id: uuid.UUID) -> Sequence[Contract]:
        """Give the subscriptions of an organization, the newest first."""
        records = await self._list(organization_id, _SUBSCRIPTIONS)
        found = [books.contract_from(one.value) for one in records]
        return sorted(found, key=lambda one: one.begun_at, reverse=True)

    async def checkout(self, checkout_id: str) -> Checkout:
        """Give a checkout, agreed to or not.

        Raises:
            RejectedInput: there is none, or it has expired.
        """
        whose = organization_of(checkout_id, kind=CHECKOUT)
        kept = await self._records.of(whose).get(_CHECKOUTS, checkout_id)
        if kept is None or books.checkout_from(kept.value).expires_at < self._clock.now():
            msg = f"the ledger has no checkout {checkout_id!r}, or has one no longer"
            raise RejectedInput(msg)
        return books.checkout_from(kept.value)

    async def pay(self, checkout_id: str) -> Contract:
        """Write down that a checkout is paid, and give what it sells; once, however often."""
        checkout = await self.checkout(checkout_id)
        whose = organization_of(checkout_id, kind=CHECKOUT)
        sold = books.to_json(books.begin(checkout, self._clock.now()))
        kept = await self._put_once(whose, _SUBSCRIPTIONS, subscription_of(checkout_id), sold)
        return books.contract_from(kept.value)

    async def change(self, subscription_id: str, change: Change) -> Contract:
        """Let *change* happen to a subscription, and give it as it is then.

        Raises:
            RejectedInput: there is none.
            ProviderUnavailable: others change it all the time.
        """
        for _ in range(_TRIES):
            contract, version = await self._read_contract(subscription_id)
            changed = change(contract)
            if changed == contract:
                return contract
            try:
                await self._write(contract, changed, if_version=version)
            except EditConflict:
                continue
            return changed
        msg = f"the subscription {subscription_id} is being changed by others"
        raise ProviderUnavailable(msg)

    async def tell(self, contract_id: str, *, event_id: str) -> None:
        """Tell the host, as a provider does: by a signed webhook to where the world reaches it.

        Raises:
            ProviderUnavailable: it did not take it.
        """
        contract, _ = await self._read_contract(contract_id)
        body, headers = sign_change(
            event_id=event_id,
            customer=contract.customer,
            subscription=contract.id,
            secret=self._settings.webhook_secret,
            now=self._clock.now(),
        )
        url = f"{self._context.public_url}/webhooks/ledger"
        post = self._context.http.post(url, data=body, headers=headers, timeout=_DEADLINE)
        try:
            async with post as answer:
                status = answer.status
        except (aiohttp.ClientError, OSError) as error:
            msg = f"{url} does not answer: {type(error).__name__}"
            raise ProviderUnavailable(msg) from error
        if status >= 300:  # noqa: PLR2004 - HTTP
            msg = f"{url} answers {status}: is it the address of CLIENTFLOW_PUBLIC_URL?"
            raise ProviderUnavailable(msg)

    async def _change_once(self, subscription_id: str, key: str, change: Change) -> Subscription:
        name = digest(key)

        def once(contract: Contract) -> Contract:
            if name in contract.answers:
                return contract
            return books.answered(change(contract), name, self._clock.now())

        return (await self.change(subscription_id, once)).answers[name]

    async def _write(self, before: Contract, after: Contract, *, if_version: int) -> None:
        records = self._records.of(organization_of(before.id, kind=SUBSCRIPTION))
        if before.latest is not None and after.invoices != before.invoices:
            settled = before.latest
            name = settled.provider_invoice_id
            await records.put(_INVOICES, name, books.to_json(settled))
        await records.put(_SUBSCRIPTIONS, before.id, books.to_json(after), if_version=if_version)

    async def _read_contract(self, subscription_id: str) -> tuple[Contract, int]:
        whose = organization_of(subscription_id, kind=SUBSCRIPTION)
        kept = await self._records.of(whose).get(_SUBSCRIPTIONS, subscription_id)
        if kept is None:
            msg = f"the ledger has no subscription {subscription_id!r}"
            raise RejectedInput(msg)
        return books.contract_from(kept.value), kept.version

    async def _require_customer(self, customer: str) -> uuid.UUID:
        whose = organization_of(customer, kind=CUSTOMER)
        if await self._records.of(whose).get(_CUSTOMERS, customer) is None:
            msg = f"the ledger has no customer {customer!r}"
            raise RejectedInput(msg)
        return whose

    async def _plan(self, key: str) -> Plan:
        found = next((plan for plan in await self.list_plans() if plan.key == key), None)
        if found is None:
            msg = f"the ledger sells no plan {key!r}"
            raise RejectedInput(msg)
        return found

    async def _put_once(
        self, whose: uuid.UUID, collection: str, name: str, value: Mapping[str, Any]
    ) -> Record:
        """Write a document, and give what is there: another one may have been written before."""
        records = self._records.of(whose)
        kept = await records.get(collection, name)
        if kept is not None:
            return kept
        try:
            return await records.put(collection, name, value, if_version=NEW)
        except EditConflict:
            kept = await records.get(collection, name)
            if kept is None:
                raise
            return kept

    async def _list(self, whose: uuid.UUID, collection: str) -> list[Record]:
        records, found = self._records.of(whose), list[Record]()
        while page := await records.list(
            collection, after=found[-1].key if found else "", most=MOST_LISTED
        ):
            found += page
        return found

    def _page(self, query: str = "") -> str:
        base = self._context.public_url
        if base is None:
            msg = "the ledger's pages are the host's: CLIENTFLOW_PUBLIC_URL says where it is"
            raise ProviderUnavailable(msg)
        return f"{base}{PAGE}" + (f"?{query}" if query else "")
