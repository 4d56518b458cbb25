"""The plans that are to be sold, as the operator's file has them: Stripe is compared with it."""

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

from clientflow_core.domain.billing import BillingInterval
from clientflow_core.domain.money import Money
from clientflow_plugins.stripe.answers import write_amount

TAX_BEHAVIORS = ("exclusive", "inclusive", "unspecified")
_TEXT = attrs.validators.and_(attrs.validators.instance_of(str), attrs.validators.min_len(1))


class BadCatalogue(Exception):
    """The file cannot be read, or what it says is no list of plans; the message says what."""


@attrs.frozen(kw_only=True)
class Entry:
    """A plan of the catalogue.

    Attributes:
        key: its lookup key at Stripe, such as ``pro``.
        title: the name of its product.
        price: for one interval, in the currency's smallest unit.
        currency: of ISO 4217.
        interval: how often it is paid.
        tax_behavior: whether taxes are in the price; a word of Stripe's.
    """

    key: str = attrs.field(validator=[_TEXT, attrs.validators.matches_re(r"[A-Za-z0-9_-]{1,100}")])
    title: str = attrs.field(validator=_TEXT)
    price: int = attrs.field(validator=attrs.validators.ge(0))
    currency: str
    interval: BillingInterval = attrs.field(converter=BillingInterval)
    tax_behavior: str = attrs.field(
        default="unspecified", validator=attrs.validators.in_(TAX_BEHAVIORS)
    )
    money: Money = attrs.field(init=False)

    @money.default
    def _money(self) -> Money:
        return Money(minor=self.price, currency=self.currency)

    @property
    def terms(self) -> Mapping[str, object]:
        """What is compared, in Stripe's words and units."""
        return {
            "amount": write_amount(self.money),
            "currency": self.currency.lower(),
            "interval": self.interval.value,
            "tax_behavior": self.tax_behavior,
        }


def read_catalogue(path: Path) -> Sequence[Entry]:
    """Read the ``[[plans]]`` of the TOML file *path*, in its order.

    Raises:
        BadCatalogue: it cannot be done.
    """
    try:
        read = tomllib.loads(path.read_bytes().decode("utf-8"))
    except OSError as error:
        msg = f"cannot be read: {error.strerror}"
        raise BadCatalogue(msg) from error
    except (ValueError, RecursionError) as error:
        # Also a path with U+0000 in it.
        msg = "is no TOML in UTF-8"
        raise BadCatalogue(msg) from error
    listed = read.get("plans")
    if not isinstance(listed, list) or not listed:
        msg = "has no [[plans]]"
        raise BadCatalogue(msg)
    entries = [_entry(one, place) for place, one in enumerate(listed, start=1)]
    if len({one.key for one in entries}) < len(entries):
        msg = "has two plans with the same key"
        raise BadCatalogue(msg)
    return entries


def _entry(fields: Any, place: int) -> Entry:
    try:
        return Entry(**fields)
    except (TypeError, ValueError) as error:
        words = str(error.args[0]) if error.args else "it is no plan"
        msg = f"cannot be read in the plan {place}: {words}"
        raise BadCatalogue(msg) from error
