"""What payers do, and what becomes of their payments: the sandbox's events.

Each bears the name of Stripe's own event, and sends that one and those which come with it.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from clientflow_core.domain.money import Money
from clientflow_core.errors import FieldError, InvalidInput
from clientflow_core.sandbox import EventField, Occurrence, SandboxEvent, SignedRequest
from clientflow_plugins.stripe.answers import write_amount
from clientflow_plugins.stripe.sandbox.books import Books
from clientflow_plugins.stripe.sandbox.dealings import OVER, Dealings
from clientflow_plugins.stripe.sandbox.resources import INTERVAL_DAYS, Offer, Resource

Sign = Callable[[Resource], SignedRequest]
"""Gives the webhook that tells of an event."""

Deal = Callable[[Resource], Sequence[Resource]]
"""Changes something, and gives the events that tell of it."""

_SUMMARIES: Final[Mapping[str, str]] = {
    "checkout.session.completed": "A payer pays on the page, and the subscription begins.",
    "checkout.session.async_payment_succeeded": "A payer pays in a way that takes days; they pass.",
    "customer.subscription.updated": "The payer ends it in the portal, or takes that back.",
    "customer.subscription.deleted": "It has ended for good.",
    "customer.subscription.paused": "Its trial is over, and there is no card: it pauses.",
    "customer.subscription.resumed": "It goes on after a pause.",
    "customer.subscription.trial_will_end": "Its trial ends in three days.",
    "invoice.paid": "A period begins, and is paid for.",
    "invoice.payment_failed": "A period begins, and the card is declined.",
    "invoice.payment_action_required": "A period begins, and the bank asks the payer.",
    "charge.dispute.created": "A payer wants the last payment back from the bank.",
}
_AMOUNT: Final = re.compile(r"[0-9]{1,10}")
_CURRENCY: Final = re.compile(r"[A-Z]{3}")


class Happenings:
    """The events that somebody can let happen.

    Args:
        books: the account.
        sign: makes webhooks of what it tells.
    """

    def __init__(self, books: Books, *, sign: Sign) -> None:
        self._books = books
        self._dealings = Dealings(books)
        self._sign = sign

    def all(self) -> Sequence[SandboxEvent]:
        """Give each, the payment of a checkout first."""
        deals, renew = self._dealings, self._renewal
        of_sessions = {
            "checkout.session.completed": deals.complete,
            "checkout.session.async_payment_succeeded": deals.pay_late,
        }
        of_subscriptions = {
            "customer.subscription.updated": self.toggle,
            "customer.subscription.deleted": deals.end,
            "customer.subscription.paused": self._pause,
            "customer.subscription.resumed": self._resume,
            "customer.subscription.trial_will_end": self._remind,
            "invoice.paid": renew("invoice.paid"),
            "invoice.payment_failed": renew("invoice.payment_failed"),
            "invoice.payment_action_required": renew("invoice.payment_action_required"),
            "charge.dispute.created": deals.dispute,
        }
        return (
            *(self._of_session(name, deal) for name, deal in of_sessions.items()),
            *(self._of_subscription(name, deal) for name, deal in of_subscriptions.items()),
            self._price_event(),
        )

    def toggle(self, subscription: Resource) -> Sequence[Resource]:
        """Let it end with its period, or no longer."""
        is_ending = not subscription["cancel_at_period_end"]
        return self._dealings.update(subscription, {"cancel_at_period_end": is_ending})

    def _renewal(self, told: str) -> Deal:
        return lambda subscription: self._dealings.renew(subscription, told=told)

    def _pause(self, subscription: Resource) -> Sequence[Resource]:
        told = "customer.subscription.paused"
        return self._dealings.set_status(subscription, "paused", told=told)

    def _resume(self, subscription: Resource) -> Sequence[Resource]:
        if subscription["status"] != "paused":
            raise _broken("/subscription", "must be the id of one that is paused")
        told = "customer.subscription.resumed"
        return self._dealings.set_status(subscription, "active", told=told)

    def _remind(self, subscription: Resource) -> Sequence[Resource]:
        if subscription["status"] != "trialing":
            raise _broken("/subscription", "must be the id of one in its trial")
        return self._dealings.remind(subscription)

    def _of_session(self, name: str, deal: Deal) -> SandboxEvent:
        ready = (one["id"] for one in self._books.sessions.values() if one["status"] == "open")
        field = EventField(
            name="session", meaning="the id of the page, by default the last", default=_last(ready)
        )

        def happen(values: Mapping[str, str]) -> Occurrence:
            session = self._books.sessions.get(values["session"])
            if session is None or session["status"] != "open":
                raise _broken("/session", "must be the id of a page that is not paid yet")
            return self._tell(deal(session), session=session["id"])

        return SandboxEvent(name=name, summary=_SUMMARIES[name], fields=(field,), happen=happen)

    def _of_subscription(self, name: str, deal: Deal) -> SandboxEvent:
        live = (
            one["id"] for one in self._books.subscriptions.values() if one["status"] not in OVER
        )
        meaning = "its id, by default that of the last that is not over"
        field = EventField(name="subscription", meaning=meaning, default=_last(live))

        def happen(values: Mapping[str, str]) -> Occurrence:
            subscription = self._books.subscriptions.get(values["subscription"])
            if subscription is None or subscription["status"] in OVER:
                raise _broken("/subscription", "must be the id of one that is not over")
            return self._tell(deal(subscription), subscription=subscription["id"])

        return SandboxEvent(name=name, summary=_SUMMARIES[name], fields=(field,), happen=happen)

    def _price_event(self) -> SandboxEvent:
        return SandboxEvent(
            name="price.created",
            summary="A plan is put on sale, or its price changed; our endpoint is not told of it.",
            fields=(
                EventField(name="key", meaning="the lookup key: our name for it", default="solo"),
                EventField(name="amount", meaning="in the smallest unit", default="900"),
                EventField(name="currency", meaning="of ISO 4217", default="USD"),
                EventField(name="interval", meaning=", ".join(INTERVAL_DAYS), default="month"),
            ),
            happen=self._set_price,
        )

    def _set_price(self, values: Mapping[str, str]) -> Occurrence:
        if not values["key"].strip():
            raise _broken("/key", "must not be empty")
        if not _AMOUNT.fullmatch(values["amount"]):
            raise _broken("/amount", "must be a whole number")
        if not _CURRENCY.fullmatch(values["currency"]):
            raise _broken("/currency", "must have three capital letters")
        if values["interval"] not in INTERVAL_DAYS:
            raise _broken("/interval", f"must be one of {', '.join(INTERVAL_DAYS)}")
        money = Money(minor=int(values["amount"]), currency=values["currency"])
        self._books.offer(
            Offer(
                key=values["key"],
                amount=write_amount(money),
                currency=money.currency.lower(),
                interval=values["interval"],
            )
        )
        return Occurrence(requests=(), facts={"price": values["key"]})

    def _tell(self, events: Sequence[Resource], **facts: Any) -> Occurrence:
        return Occurrence(
            requests=[self._sign(one) for one in events],
            facts={**facts, "events": [one["id"] for one in events]},
        )


def _last(ids: Iterable[str]) -> str | None:
    return next(reversed(list(ids)), None)


def _broken(pointer: str, rule: str) -> InvalidInput:
    return InvalidInput(f"{pointer} {rule}", [FieldError(pointer, rule)])
