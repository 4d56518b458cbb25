"""The plans at Stripe, compared with the operator's catalogue."""

from pathlib import Path

import pytest

from clientflow_core.errors import ClientFlowError
from clientflow_plugins.stripe.catalogue import BadCatalogue, read_catalogue
from clientflow_plugins.stripe.sandbox import StripeSandbox
from clientflow_plugins.stripe.settings import StripeSettings
from tests.plugins.stripe.conftest import Host
from tests.plugins.stripe.test_checks import mended, told

LINES = {"title": '"A plan"', "price": "4900", "currency": '"USD"', "interval": '"month"'}


def plan(key: str, **changed: str) -> str:
    lines = {"key": f'"{key}"', **LINES, **changed}
    return "[[plans]]\n" + "".join(f"{name} = {value}\n" for name, value in lines.items() if value)


def write(file: Path, text: str) -> None:
    file.write_text(text, "utf-8")


GOOD = plan("free", price="0") + plan("pro") + plan("scale", price="14900")


@pytest.fixture(autouse=True)
def running(host: Host, settings: StripeSettings) -> None:
    """The host has the settings of the sandbox."""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "plans.toml"
    made.write_text(GOOD, "utf-8")
    return made


async def test_plans_as_the_catalogue_has_them_pass(
    host: Host, sandbox: StripeSandbox, file: Path
) -> None:
    items = await told(host, sandbox, STRIPE_CATALOGUE=str(file))
    asked = ("ES4", "BS1", "BS2", "BS3", "BS4")
    assert {name: items[name].status.value for name in asked} == dict.fromkeys(asked, "passed")
    assert items["BS4"].found == "3 plans cost what the catalogue says"


async def test_without_a_catalogue_prices_cannot_be_compared(
    host: Host, sandbox: StripeSandbox
) -> None:
    item = (await told(host, sandbox))["BS4"]
    assert (item.status.value, "STRIPE_CATALOGUE" in item.hint) == ("skipped", True)


@pytest.mark.parametrize(("key", "item"), [("free", "BS1"), ("pro", "BS2"), ("scale", "BS3")])
async def test_plan_that_is_not_on_sale_fails_unless_the_catalogue_has_none(
    host: Host, sandbox: StripeSandbox, file: Path, key: str, item: str
) -> None:
    sandbox.books.prices[f"price_{key}"]["lookup_key"] = None
    found = (await told(host, sandbox))[item]
    assert (found.status.value, key in found.hint) == ("failed", True)
    write(file, plan("solo"))
    found = (await told(host, sandbox, STRIPE_CATALOGUE=str(file)))[item]
    assert (found.status.value, found.found) == ("skipped", f"STRIPE_CATALOGUE has no plan {key}")


@pytest.mark.parametrize(
    ("changed", "found"),
    [
        ({"price": "4901"}, "pro has amount 4900 instead of 4901"),
        ({"currency": '"EUR"'}, "pro has currency usd instead of eur"),
        ({"interval": '"year"'}, "pro has interval month instead of year"),
        (
            {"tax_behavior": '"inclusive"'},
            "pro has tax_behavior unspecified instead of inclusive",
        ),
    ],
)
async def test_price_that_is_another_by_a_cent_fails(
    host: Host, sandbox: StripeSandbox, file: Path, changed: dict[str, str], found: str
) -> None:
    write(file, plan("pro", **changed))
    item = (await told(host, sandbox, STRIPE_CATALOGUE=str(file)))["BS4"]
    assert (item.status.value, item.found) == ("failed", found)
    assert "hand the lookup key over" in item.hint


async def test_plans_that_are_missing_are_made_once(
    host: Host, sandbox: StripeSandbox, file: Path
) -> None:
    solo = plan("solo", price="900", tax_behavior='"exclusive"')
    write(file, GOOD + solo + plan("yen", currency='"JPY"', price="500"))
    items = await told(host, sandbox, STRIPE_CATALOGUE=str(file))
    assert items["ES4"].found == "not on sale: solo, yen"
    assert items["BS4"].found == "solo is not on sale; yen is not on sale"
    said = await mended(host, sandbox, "ES4", STRIPE_CATALOGUE=str(file))
    assert said == "Made at Stripe: solo for 9.00 USD, yen for 500 JPY."
    items = await told(host, sandbox, STRIPE_CATALOGUE=str(file))
    assert (items["ES4"].status.value, items["BS4"].status.value) == ("passed", "passed")
    again = await mended(host, sandbox, "ES4", STRIPE_CATALOGUE=str(file))
    assert again == "Made at Stripe: nothing, all were there."
    assert len(sandbox.books.prices) == 5


async def test_key_that_another_price_has_is_not_taken_from_it(
    host: Host, sandbox: StripeSandbox, file: Path
) -> None:
    sandbox.books.prices["price_pro"]["active"] = False
    with pytest.raises(ClientFlowError, match="already uses that lookup key"):
        await mended(host, sandbox, "ES4", STRIPE_CATALOGUE=str(file))


async def test_plan_that_the_catalogue_has_not_is_told(
    host: Host, sandbox: StripeSandbox, file: Path
) -> None:
    write(file, plan("pro"))
    item = (await told(host, sandbox, STRIPE_CATALOGUE=str(file)))["ES4"]
    assert item.found == "on sale, and not in the catalogue: free, scale"


async def test_without_a_catalogue_nothing_is_made(host: Host, sandbox: StripeSandbox) -> None:
    assert "set STRIPE_CATALOGUE" in await mended(host, sandbox, "ES4")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("plans = 3", r"has no \[\[plans\]\]"),
        ("plans = []", r"has no \[\[plans\]\]"),
        ("[[plans", "is no TOML"),
        (plan("pro") * 2, "two plans with the same key"),
        (plan("pro") + plan("x", price='"9"'), "in the plan 2: "),
        (plan("pro", price="49.0"), "in the plan 1: the minor of an amount is a whole number"),
        (plan("pro", price="true"), "whole number"),
        (plan("pro", price="-1"), "'price' must be >= 0"),
        (plan("pro", currency='"usd"'), "'currency' must match"),
        (plan("pro", interval='"decade"'), "'decade' is not a valid BillingInterval"),
        (plan("pro", tax_behavior='"none"'), "'tax_behavior' must be in"),
        (plan("pro", title=""), "missing 1 required keyword-only argument: 'title'"),
        (plan("a plan"), "'key' must match"),
        (plan("pro", amount="1"), "unexpected keyword argument 'amount'"),
        ('plans = ["pro"]', "in the plan 1: "),
    ],
)
def test_catalogue_that_is_none_says_why(file: Path, text: str, words: str) -> None:
    write(file, text)
    with pytest.raises(BadCatalogue, match=words):
        read_catalogue(file)


def test_catalogue_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(BadCatalogue, match="cannot be read: No such file"):
        read_catalogue(tmp_path / "none.toml")
