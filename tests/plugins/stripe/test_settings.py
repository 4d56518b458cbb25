"""What an operator may set, and what is told of what he may not."""

import pytest

from clientflow_core.errors import SettingsError
from clientflow_core.settings import load_settings
from clientflow_plugins.stripe.settings import StripeSettings

GOOD = {
    "STRIPE_SECRET_KEY": "sk_test_51H",
    "STRIPE_WEBHOOK_SECRET": "whsec_1a2b",
    "STRIPE_PUBLISHABLE_KEY": "pk_test_51H",
}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("STRIPE_SECRET_KEY", "rk_test_51H"),
        ("STRIPE_WEBHOOK_SECRET", "whsec_1a2b,whsec_3c4d"),
        ("STRIPE_PUBLISHABLE_KEY", ""),
        ("STRIPE_API_BASE_URL", "http://localhost:8090/stripe"),
    ],
)
def test_what_stripe_gives_is_taken(name: str, value: str) -> None:
    assert load_settings(StripeSettings, GOOD | {name: value}).mode == "test"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("STRIPE_SECRET_KEY", "pk_test_51H"),
        ("STRIPE_SECRET_KEY", "sk_51H"),
        ("STRIPE_WEBHOOK_SECRET", "sk_test_51H"),
        ("STRIPE_WEBHOOK_SECRET", "whsec_1,whsec_2,whsec_3"),
        ("STRIPE_WEBHOOK_SECRET", "whsec_1, whsec_2"),
        ("STRIPE_PUBLISHABLE_KEY", "sk_test_51H"),
        ("STRIPE_API_BASE_URL", "https://user:secret@example.com"),
    ],
)
def test_what_it_does_not_give_is_refused_without_being_shown(name: str, value: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(StripeSettings, GOOD | {name: value})
    assert [problem.env for problem in caught.value.problems] == [name]
    assert value not in str(caught.value)


def test_keys_of_two_modes_are_refused() -> None:
    with pytest.raises(SettingsError, match="STRIPE_PUBLISHABLE_KEY: is not of the mode"):
        load_settings(StripeSettings, GOOD | {"STRIPE_SECRET_KEY": "sk_live_51H"})


def test_address_ends_without_a_slash() -> None:
    loaded = load_settings(StripeSettings, GOOD)
    assert loaded.api_url == "https://api.stripe.com"
    loaded = load_settings(StripeSettings, GOOD | {"STRIPE_API_BASE_URL": "http://a.example/x/"})
    assert loaded.api_url == "http://a.example/x"


def test_catalogue_that_cannot_be_read_is_told() -> None:
    with pytest.raises(SettingsError, match="STRIPE_CATALOGUE: cannot be read: No such file"):
        load_settings(StripeSettings, GOOD | {"STRIPE_CATALOGUE": "/nowhere/plans.toml"})
