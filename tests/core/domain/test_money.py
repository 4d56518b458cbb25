"""Amounts as people read them."""

import pytest

from clientflow_core.domain.money import Money


@pytest.mark.parametrize(
    ("minor", "currency", "words"),
    [
        (1900, "USD", "19.00 USD"),
        (5, "EUR", "0.05 EUR"),
        (0, "EUR", "0.00 EUR"),
        (-1250, "EUR", "-12.50 EUR"),
        (1900, "JPY", "1900 JPY"),
        (1900, "KWD", "1.900 KWD"),
    ],
)
def test_amount_is_written_with_the_places_of_its_currency(
    minor: int, currency: str, words: str
) -> None:
    assert str(Money(minor=minor, currency=currency)) == words
