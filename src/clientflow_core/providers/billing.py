"""The interface of a provider that subscriptions are paid through."""

import abc
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from clientflow_core.domain.billing import (
    BilledOrganization,
    CheckoutRequest,
    HostedPage,
    Invoice,
    Plan,
    Subscription,
    UsageReport,
)


class BillingProvider(abc.ABC):
    """Sells our plans.

    Every method that makes or changes something takes a *key*: asked again with the same one, the
    provider does it no second time and gives the same answer. Every method may raise

    - ProviderRefused: it was refused for good;
    - AuthFailed: because of our credentials;
    - ProviderUnavailable: it was surely not done, and may be tried again;
    - OutcomeUnknown: it may have been done; only the same *key* makes it safe to ask again.

    Within a major version this class never gains an abstract method or an argument.
    """

    @abc.abstractmethod
    async def verify(self) -> str:
        """Prove with a cheap read-only call that the credentials work; give the account's name."""

    @abc.abstractmethod
    async def list_plans(self) -> Sequence[Plan]:
        """Give the plans that can be subscribed to, in the provider's order."""

    @abc.abstractmethod
    async def ensure_customer(self, organization: BilledOrganization, *, key: str) -> str:
        """Give the provider's name for the customer that stands for *organization*; made if new."""

    @abc.abstractmethod
    async def check_out(self, request: CheckoutRequest, *, key: str) -> HostedPage:
        """Give a page where the customer begins a subscription; nothing is sold before it is paid.

        Raises:
            RejectedInput: there is no such plan.
        """

    @abc.abstractmethod
    async def open_portal(self, provider_customer_id: str, *, return_url: str) -> HostedPage:
        """Give a page where the customer changes how it pays, and sees its invoices."""

    @abc.abstractmethod
    async def get_subscription(self, provider_subscription_id: str) -> Subscription:
        """Give a subscription as it is now.

        Raises:
            RejectedInput: there is none.
        """

    @abc.abstractmethod
    async def list_subscriptions(self, provider_customer_id: str) -> Sequence[Subscription]:
        """Give every subscription of a customer, those that are over too, the newest first."""

    @abc.abstractmethod
    async def change_plan(
        self, provider_subscription_id: str, *, plan_key: str, key: str
    ) -> Subscription:
        """Move a subscription to another plan at once; what was paid already is taken into account.

        Raises:
            RejectedInput: there is no such plan or subscription.
        """

    @abc.abstractmethod
    async def cancel(
        self, provider_subscription_id: str, *, is_at_once: bool, key: str
    ) -> Subscription:
        """End a subscription, at once or with the period that is paid for.

        One that is over already stays so, and is no error.
        """


@runtime_checkable
class SupportsUsage(Protocol):
    """:attr:`Capability.USAGE`: charges for what was used."""

    async def report_usage(self, report: UsageReport) -> None:
        """Tell what was used; told twice with the same id, it counts once."""
        ...


@runtime_checkable
class SupportsInvoices(Protocol):
    """:attr:`Capability.INVOICES`: can tell what was charged."""

    async def list_invoices(self, provider_customer_id: str) -> Sequence[Invoice]:
        """Give the invoices of a customer, the newest first."""
        ...
