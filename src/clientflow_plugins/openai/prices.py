"""What OpenAI charges, as it was published on the day below; nothing is asked for it.

Per million tokens, in US dollars, standard processing, at most 272 000 tokens of input. Read on
the models' pages, such as https://developers.openai.com/api/docs/models/gpt-6-luna, and for
gpt-5.4 and gpt-5.5 in two readings of https://developers.openai.com/api/docs/pricing of June 2026.
A model that is not here has no price: better none than one that is guessed.
"""

import datetime as dt
import re
from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Final

import attrs

AS_OF: Final = dt.date(2026, 11, 29)
LONGEST_INPUT: Final = 272_000
"""More tokens of input cost another price for all of them, which is not in the table."""

_MILLION: Final = Decimal(1_000_000)
# What is put into the cache costs a quarter more than other input, where it is counted at all.
_CACHE_WRITE: Final = Decimal("1.25")
_SNAPSHOT: Final = re.compile(r"-\d{4}-\d{2}-\d{2}$")


@attrs.frozen
class Price:
    """What a million tokens cost, in US dollars."""

    input: Decimal
    cached_input: Decimal
    output: Decimal


@attrs.frozen(kw_only=True)
class TokenCounts:
    """What is paid for; *cached* and *cache_writes* are parts of *input*."""

    input: int
    output: int
    cached: int = 0
    cache_writes: int = 0


def _price(input_: str, cached_input: str, output: str) -> Price:
    return Price(Decimal(input_), Decimal(cached_input), Decimal(output))


PRICES: Final[Mapping[str, Price]] = MappingProxyType(
    {
        "gpt-6.2-sol": _price("2.00", "0.10", "10.00"),
        "gpt-6-luna": _price("0.10", "0.01", "0.50"),
        "gpt-5.6-luna": _price("0.20", "0.02", "1.20"),
        "gpt-5.5": _price("5.00", "0.50", "30.00"),
        "gpt-5.4": _price("2.50", "0.25", "15.00"),
        "gpt-5.4-mini": _price("0.75", "0.075", "4.50"),
        "gpt-5.4-nano": _price("0.20", "0.02", "1.25"),
    }
)


def price_of(model: str) -> Price | None:
    """Give the price of *model*, which may be a dated snapshot; None if it is not known."""
    return PRICES.get(_SNAPSHOT.sub("", model))


def cost_usd(model: str, counts: TokenCounts) -> Decimal | None:
    """Give what an answer of *model* has cost, exactly; None where that cannot be told."""
    price = price_of(model)
    if price is None or counts.input > LONGEST_INPUT:
        return None
    plain = counts.input - counts.cached - counts.cache_writes
    total = (
        plain * price.input
        + counts.cached * price.cached_input
        + counts.cache_writes * price.input * _CACHE_WRITE
        + counts.output * price.output
    )
    return total / _MILLION
