"""The file of the plans: what is wrong with it is said in words."""

from pathlib import Path

import pytest

from clientflow_core.errors import SettingsError
from clientflow_core.settings import load_settings
from clientflow_plugins.ledger.catalogue import EXAMPLES, BadCatalogue, read_catalogue
from clientflow_plugins.ledger.settings import LedgerSettings, new_settings

GOOD = 'key = "a"\ntitle = "A"\nprice = 100\ncurrency = "USD"\ninterval = "month"\n'


def plan(old: str = "", new: str = "") -> str:
    return "[[plans]]\n" + GOOD.replace(old, new) if old else "[[plans]]\n" + GOOD


def test_examples_are_two_plans_and_need_no_setting_but_the_secret() -> None:
    assert [one.key for one in read_catalogue(EXAMPLES)] == ["starter", "team"]
    settings = load_settings(LedgerSettings, new_settings())
    assert settings.catalogue is None
    assert read_catalogue(None) == read_catalogue(EXAMPLES)
    assert new_settings() != new_settings()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "has no"),
        ("plans = 3", "has no"),
        ("plans = [3]", "must have exactly key, title, price, currency, interval in the plan 1"),
        ("[[plans", "is no TOML"),
        ("\x00", "is no TOML"),
        (plan() + plan(), "two plans with the key 'a'"),
        (plan('"month"', '"fortnight"'), "one of day, week, month, year in the plan 1"),
        (plan('"USD"', '"usd"'), "a currency of ISO 4217"),
        (plan("100", "1.5"), "a whole number as price"),
        (plan("100", "true"), "a whole number as price"),
        (plan("100", "-1"), "a price below 0"),
        (plan('"A"', '" "'), "an empty title"),
        (plan('"a"', '"a b"'), "a key that is not of letters"),
        (plan('"a"', "3"), "a text as key"),
        (plan() + "more = 1", "must have exactly"),
    ],
)
def test_what_is_wrong_with_the_file_is_told(text: str, words: str, tmp_path: Path) -> None:
    file = tmp_path / "plans.toml"
    file.write_text(text)
    with pytest.raises(BadCatalogue, match=words):
        read_catalogue(file)
    values = {**new_settings(), "LEDGER_CATALOGUE": str(file)}
    with pytest.raises(SettingsError, match="LEDGER_CATALOGUE"):
        load_settings(LedgerSettings, values)


def test_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(BadCatalogue, match="cannot be read: No such file"):
        read_catalogue(tmp_path / "none.toml")
