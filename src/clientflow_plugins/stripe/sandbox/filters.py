"""What lists are narrowed by."""

from collections.abc import Mapping, Sequence
from typing import Any

from clientflow_plugins.stripe.sandbox.resources import Resource

Params = Mapping[str, Any]


def newest(kept: Mapping[str, Resource]) -> Sequence[Resource]:
    """Give what was kept, the last first."""
    return list(kept.values())[::-1]


def has(one: Resource, given: Params, name: str) -> bool:
    """Tell whether *one* is as the parameter *name* asks for, if it does."""
    return name not in given or one[name] == given[name]


def is_price(price: Resource, given: Params) -> bool:
    """Tell whether a price is among those that are asked for."""
    keys = given.get("lookup_keys")
    interval = given.get("recurring", {}).get("interval")
    return (
        all(has(price, given, name) for name in ("active", "currency", "product", "type"))
        and (keys is None or price["lookup_key"] in keys)
        and interval in {None, price["recurring"]["interval"]}
    )


def is_in(status: str, wanted: str | None) -> bool:
    """Tell whether a subscription in *status* is; those that are over have to be asked for."""
    if wanted is None:
        return status != "canceled"
    return wanted in {"all", status} or (wanted == "ended" and status == "canceled")


def is_for(invoice: Resource, given: Params) -> bool:
    """Tell whether an invoice is one of the subscription that is asked for."""
    whose = invoice["parent"]["subscription_details"]["subscription"]
    return given.get("subscription") in {None, whose}


def is_event(event: Resource, given: Params) -> bool:
    """Tell whether an event is among those that are asked for."""
    created, bounds = event["created"], given.get("created", {})
    is_taken = event["pending_webhooks"] == 0
    return (
        given.get("type") in {None, event["type"]}
        and event["type"] in given.get("types", [event["type"]])
        and given.get("delivery_success") in {None, is_taken}
        and bounds.get("gte", created) <= created <= bounds.get("lte", created)
        and bounds.get("gt", created - 1) < created < bounds.get("lt", created + 1)
    )
