"""What becomes of a subscription, and of which events Stripe then tells."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from clientflow_plugins.stripe.sandbox import invoices, resources
from clientflow_plugins.stripe.sandbox.books import Books
from clientflow_plugins.stripe.sandbox.invoices import Charge
from clientflow_plugins.stripe.sandbox.refusals import Refusal, no_such, not_found
from clientflow_plugins.stripe.sandbox.resources import (
    DAY_SECONDS,
    INTERVAL_DAYS,
    Period,
    Resource,
)

DECLINED_EMAIL: Final = "declined@example.com"
"""Of a customer whose card is declined when something more is to be paid."""

OVER: Final = frozenset({"canceled", "incomplete_expired"})
_UPDATED: Final = "customer.subscription.updated"


class Dealings:
    """Changes *books*; each method gives the events that tell of it, in the order of Stripe's.

    Args:
        books: the account.
    """

    def __init__(self, books: Books) -> None:
        self._books = books

    def complete(self, session: Resource) -> list[Resource]:
        """Let the payer pay, so that the subscription begins."""
        sale, now = self._books.sales[session["id"]], self._books.now
        days = sale.trial_days or INTERVAL_DAYS[sale.price["recurring"]["interval"]]
        made = resources.subscription(
            session["customer"],
            sale.price,
            Period(start=now, end=now + days * DAY_SECONDS),
            is_trial=bool(sale.trial_days),
            metadata=dict(sale.metadata),
        )
        self._books.subscriptions[made["id"]] = made
        amount = 0 if sale.trial_days else sale.price["unit_amount"]
        invoice = self._charge(made, amount, is_paid=True, reason="subscription_create")
        session |= {
            "status": "complete",
            "payment_status": "paid" if amount else "no_payment_required",
            "subscription": made["id"],
            "invoice": invoice["id"],
            "url": None,
        }
        return [
            self._tell("customer.subscription.created", made),
            self._tell("invoice.paid", invoice),
            self._tell("checkout.session.completed", session),
        ]

    def update(self, subscription: Resource, given: Mapping[str, Any]) -> list[Resource]:
        """Change what ``POST /v1/subscriptions/{id}`` may change.

        Raises:
            Refusal: it is over, or an item or a price is none, or the card is declined.
        """
        if subscription["status"] in OVER:
            message = (
                "A canceled subscription can only update its cancellation_details and metadata."
            )
            raise Refusal(message=message)
        paid = [self._change_price(subscription, given)] if "items" in given else []
        subscription["metadata"] |= given.get("metadata", {})
        if "cancel_at_period_end" in given:
            self._end_with_period(subscription, is_ending=given["cancel_at_period_end"])
        return [*filter(None, paid), self._tell(_UPDATED, subscription)]

    def end(self, subscription: Resource) -> list[Resource]:
        """End it now; one that is over cannot be found for that.

        Raises:
            Refusal: it is over.
        """
        if subscription["status"] in OVER:
            raise not_found("subscription", subscription["id"])
        now = self._books.now
        subscription |= {"status": "canceled", "canceled_at": now, "ended_at": now}
        subscription["cancellation_details"]["reason"] = "cancellation_requested"
        return [self._tell("customer.subscription.deleted", subscription)]

    def renew(self, subscription: Resource, *, told: str) -> list[Resource]:
        """Begin the next period; *told* is the type of the event for its invoice."""
        item, is_paid = resources.first_item(subscription), told == "invoice.paid"
        days = INTERVAL_DAYS[item["price"]["recurring"]["interval"]]
        item["current_period_start"] = item["current_period_end"]
        item["current_period_end"] += days * DAY_SECONDS
        subscription["status"] = "active" if is_paid else "past_due"
        amount = item["price"]["unit_amount"]
        invoice = self._charge(subscription, amount, is_paid=is_paid, reason="subscription_cycle")
        return [self._tell(told, invoice), self._tell(_UPDATED, subscription)]

    def set_status(self, subscription: Resource, status: str, *, told: str) -> list[Resource]:
        """Let it stand in *status*, of which the event of type *told* tells."""
        subscription["status"] = status
        return [self._tell(told, subscription)]

    def remind(self, subscription: Resource) -> list[Resource]:
        """Tell that its trial ends in three days."""
        return [self._tell("customer.subscription.trial_will_end", subscription)]

    def dispute(self, subscription: Resource) -> list[Resource]:
        """Let the payer want the last payment back from the bank."""
        invoice = self._books.invoices[subscription["latest_invoice"]]
        about = invoices.dispute(invoice, now=self._books.now)
        return [self._tell("charge.dispute.created", about)]

    def pay_late(self, session: Resource) -> list[Resource]:
        """Let the payer pay by a method that takes days, and the days go by."""
        told = self.complete(session)
        return [*told, self._tell("checkout.session.async_payment_succeeded", session)]

    def _change_price(self, subscription: Resource, given: Mapping[str, Any]) -> Resource | None:
        item, price = resources.first_item(subscription), self._asked_price(subscription, given)
        more = price["unit_amount"] - item["price"]["unit_amount"]
        if more > 0:
            self._require_payment(subscription, given)
        if price["recurring"] != item["price"]["recurring"]:
            days = INTERVAL_DAYS[price["recurring"]["interval"]]
            item["current_period_start"] = self._books.now
            item["current_period_end"] = self._books.now + days * DAY_SECONDS
        item |= {"price": price, "plan": resources.plan_of(price)}
        subscription["currency"] = price["currency"]
        if given.get("proration_behavior") != "always_invoice":
            return None
        invoice = self._charge(subscription, more, is_paid=True, reason="subscription_update")
        return self._tell("invoice.paid", invoice)

    def _asked_price(self, subscription: Resource, given: Mapping[str, Any]) -> Resource:
        asked = given["items"][0]
        if asked["id"] != resources.first_item(subscription)["id"]:
            raise no_such("subscription_item", asked["id"], param="items[0][id]")
        if asked["price"] not in self._books.prices:
            raise no_such("price", asked["price"], param="items[0][price]")
        return self._books.prices[asked["price"]]

    def _require_payment(self, subscription: Resource, given: Mapping[str, Any]) -> None:
        payer = self._books.customers[subscription["customer"]]
        if payer["email"] != DECLINED_EMAIL:
            return
        if given.get("payment_behavior") == "error_if_incomplete":
            raise Refusal(
                message="Your card has insufficient funds.",
                status=HTTPStatus.PAYMENT_REQUIRED,
                kind="card_error",
                code="card_declined",
                decline_code="insufficient_funds",
            )
        subscription["status"] = "past_due"

    def _end_with_period(self, subscription: Resource, *, is_ending: bool) -> None:
        end = resources.first_item(subscription)["current_period_end"]
        subscription |= {
            "cancel_at_period_end": is_ending,
            "cancel_at": end if is_ending else None,
            "canceled_at": self._books.now if is_ending else None,
        }

    def _charge(
        self, subscription: Resource, amount: int, *, is_paid: bool, reason: str
    ) -> Resource:
        charge = Charge(amount=amount, is_paid=is_paid, reason=reason, now=self._books.now)
        payer = self._books.customers[subscription["customer"]]
        made = invoices.invoice(subscription, charge, base_url=self._books.base_url, payer=payer)
        self._books.invoices[made["id"]] = made
        subscription["latest_invoice"] = made["id"]
        return made

    def _tell(self, kind: str, about: Resource) -> Resource:
        return self._books.new_event(kind, about)
