"""What an answer costs."""

import datetime as dt
from decimal import Decimal

import pytest

from clientflow_plugins.openai.prices import (
    AS_OF,
    LONGEST_INPUT,
    PRICES,
    TokenCounts,
    cost_usd,
    price_of,
)


def test_the_cost_is_exact() -> None:
    counts = TokenCounts(input=1_000, cached=600, cache_writes=100, output=200)
    # 300 plain, 600 cached, 100 written at a quarter more, 200 out.
    expected = (
        300 * Decimal("0.10") + 600 * Decimal("0.01") + Decimal("12.5") + 200 * Decimal("0.5")
    )
    assert cost_usd("gpt-6-luna", counts) == expected / 1_000_000


def test_a_dated_snapshot_costs_what_its_model_does() -> None:
    assert price_of("gpt-5.4-mini-2026-03-17") == price_of("gpt-5.4-mini") is not None


@pytest.mark.parametrize("model", ["llama3.2", "gpt-6", "gpt-6-luna-mini", "ft:gpt-6-luna:a::b"])
def test_a_model_that_is_not_known_has_no_price(model: str) -> None:
    assert cost_usd(model, TokenCounts(input=1, output=1)) is None


def test_a_long_question_costs_another_price_which_is_not_known() -> None:
    assert cost_usd("gpt-6-luna", TokenCounts(input=LONGEST_INPUT + 1, output=1)) is None


def test_every_price_is_one_and_the_table_has_a_date() -> None:
    for price in PRICES.values():
        assert 0 < price.cached_input < price.input < price.output
    assert dt.date(2026, 11, 29) <= AS_OF
