"""What the stand-in for Stripe keeps; dealings.py says what becomes of it."""

import copy
import secrets
from collections.abc import Mapping
from typing import Any, Final

import attrs

from clientflow_core.clock import Clock
from clientflow_plugins.stripe.sandbox import resources
from clientflow_plugins.stripe.sandbox.refusals import Refusal, no_such
from clientflow_plugins.stripe.sandbox.resources import DAY_SECONDS, Offer, Resource
from clientflow_plugins.stripe.webhooks import EVENT_TYPES

METERS: Final = ("texts_sent", "emails_sent", "drafts_written")
_CREATED: Final = 1_767_225_600
_OLDEST_USAGE_SECONDS: Final = 35 * DAY_SECONDS
_NEWEST_USAGE_SECONDS: Final = 300
# The first is the oldest.
_OFFERS: Final = (
    Offer(key="free", amount=0, currency="usd", interval="month"),
    Offer(key="scale", amount=14900, currency="usd", interval="month"),
    Offer(key="pro", amount=4900, currency="usd", interval="month"),
)


@attrs.frozen(kw_only=True)
class Sale:
    """What a checkout session sells, which the session itself does not tell."""

    price: Resource
    trial_days: int
    metadata: Mapping[str, str]


class Books:
    """The account; each list is in the order in which things have happened.

    Args:
        clock: tells the time.

    Attributes:
        base_url: where the pages are.
    """

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        self.base_url = ""
        self.clear()

    def clear(self) -> None:
        """Begin anew, with three plans."""
        self.products: dict[str, Resource] = {}
        self.prices: dict[str, Resource] = {}
        self.customers: dict[str, Resource] = {}
        self.sessions: dict[str, Resource] = {}
        self.sales: dict[str, Sale] = {}
        self.portals: dict[str, Resource] = {}
        self.subscriptions: dict[str, Resource] = {}
        self.invoices: dict[str, Resource] = {}
        self.usage: dict[str, Resource] = {}
        self.events: dict[str, Resource] = {}
        self.endpoint = resources.webhook_endpoint(
            "we_sandbox", events=EVENT_TYPES, created=_CREATED
        )
        self.more_endpoints: dict[str, Resource] = {}
        self.portal_configuration = resources.portal_configuration(created=_CREATED)
        for place, offer in enumerate(_OFFERS):
            self.offer(offer, price_id=f"price_{offer.key}", now=_CREATED + place)

    @property
    def now(self) -> int:
        """Seconds since 1970."""
        return int(self._clock.now().timestamp())

    def state(self) -> dict[str, Any]:
        """Give everything as JSON."""
        return {
            "products": list(self.products.values()),
            "prices": list(self.prices.values()),
            "customers": list(self.customers.values()),
            "checkout_sessions": list(self.sessions.values()),
            "subscriptions": list(self.subscriptions.values()),
            "invoices": list(self.invoices.values()),
            "meter_events": list(self.usage.values()),
            "events": [{"id": one["id"], "type": one["type"]} for one in self.events.values()],
        }

    def look(self, name: str) -> Resource | None:
        """Give what bears the id *name*."""
        kept = (self.products, self.customers, self.subscriptions, self.invoices)
        return next((one[name] for one in kept if name in one), None)

    def new_price(self, given: Mapping[str, Any]) -> Resource:
        """Make a product with a price; a lookup key is taken only once."""
        key = given["lookup_key"]
        holder = next((one for one in self.prices.values() if one["lookup_key"] == key), None)
        if holder is not None:
            message = f"A price (`{holder['id']}`) already uses that lookup key."
            raise Refusal(message=message, param="lookup_key")
        offer = Offer(
            key=key,
            amount=given["unit_amount"],
            currency=given["currency"],
            interval=given["recurring"]["interval"],
            title=given["product_data"]["name"],
            tax_behavior=given.get("tax_behavior", "unspecified"),
        )
        return self.offer(offer)

    def new_endpoint(self, given: Mapping[str, Any]) -> Resource:
        """Note one more address for events; its secret is told this once.

        Events are sent to the first one alone.
        """
        made = resources.webhook_endpoint(
            resources.new_id("we"),
            events=given["enabled_events"],
            created=self.now,
            url=given["url"],
        ) | {"api_version": given.get("api_version")}
        self.more_endpoints[made["id"]] = made
        return made | {"secret": f"whsec_{secrets.token_hex(24)}"}

    def offer(
        self, offer: Offer, *, price_id: str | None = None, now: int | None = None
    ) -> Resource:
        """Put a plan on sale; the price that had its key before is archived without it.

        Who has subscribed to that one keeps it.
        """
        created = self.now if now is None else now
        product_id = f"prod_{offer.key}"
        if product_id not in self.products:
            self.products[product_id] = resources.product(
                product_id, name=offer.title or offer.key.capitalize(), created=created
            )
        for former in self.prices.values():
            if former["lookup_key"] == offer.key:
                former |= {"lookup_key": None, "active": False}
        made = resources.price(
            price_id or resources.new_id("price"), offer, product_id=product_id, created=created
        )
        self.prices[made["id"]] = made
        return made

    def new_customer(self, given: Mapping[str, Any]) -> Resource:
        """Make a customer; two of the same e-mail address are two."""
        made = resources.customer(given, created=self.now)
        self.customers[made["id"]] = made
        return made

    def new_session(self, given: Mapping[str, Any]) -> Resource:
        """Make a page; nothing is sold by it yet."""
        self.require_customer(given["customer"])
        asked = given["line_items"][0]["price"]
        if asked not in self.prices:
            raise no_such("price", asked, param="line_items[0][price]")
        sold = given.get("subscription_data", {})
        sale = Sale(
            price=self.prices[asked],
            trial_days=sold.get("trial_period_days", 0),
            metadata=sold.get("metadata", {}),
        )
        made = resources.checkout_session(
            given, price=sale.price, base_url=self.base_url, now=self.now
        )
        self.sessions[made["id"]], self.sales[made["id"]] = made, sale
        return made

    def new_portal(self, given: Mapping[str, Any]) -> Resource:
        """Make a page where a customer looks after what it has."""
        self.require_customer(given["customer"])
        made = resources.portal_session(given, base_url=self.base_url, now=self.now)
        self.portals[made["id"]] = made
        return made

    def note_usage(self, given: Mapping[str, Any]) -> Resource:
        """Note what was used, once for each identifier."""
        made = resources.meter_event(given, now=self.now)
        if made["event_name"] not in METERS:
            message = f"No active meter found with the event name '{made['event_name']}'."
            raise Refusal(message=message, param="event_name")
        self.require_customer(given["payload"]["stripe_customer_id"])
        if not -_OLDEST_USAGE_SECONDS <= made["timestamp"] - self.now <= _NEWEST_USAGE_SECONDS:
            message = "The timestamp must be within the last 35 days, and not in the future."
            raise Refusal(message=message, param="timestamp")
        name = made["identifier"]
        if name in self.usage:
            # It has no code: langfuse/langfuse#16292.
            raise Refusal(message=f"An event already exists with identifier {name}.")
        self.usage[name] = made
        return made

    def new_event(self, kind: str, about: Resource) -> Resource:
        """Note that something has happened."""
        made = resources.event(kind, copy.deepcopy(about), now=self.now)
        self.events[made["id"]] = made
        return made

    def require_customer(self, name: str) -> Resource:
        """Give a customer; refuse one that is none."""
        if name not in self.customers:
            raise no_such("customer", name, param="customer")
        return self.customers[name]
