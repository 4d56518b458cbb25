import attrs
import pytest

from clientflow_core.errors import PluginError, SettingsError
from clientflow_core.providers.spec import ProviderContext
from clientflow_core.settings import Completeness, completeness, load_settings
from clientflow_plugins.twilio.settings import TwilioSettings, own_addresses, webhook_url_problems
from clientflow_plugins.twilio.spec import TWILIO

GOOD = {
    "TWILIO_ACCOUNT_SID": "AC" + "0" * 32,
    "TWILIO_AUTH_TOKEN": "s3cret-token",
    "TWILIO_PHONE_NUMBER": "+15550100100",
}


def test_account_token_and_number_are_enough() -> None:
    settings = load_settings(TwilioSettings, GOOD)
    assert settings.phone_number == "+15550100100"
    assert "s3cret" not in repr(settings)


def test_messaging_service_stands_in_for_a_number() -> None:
    values = GOOD | {"TWILIO_PHONE_NUMBER": "", "TWILIO_MESSAGING_SERVICE_SID": "MG" + "1" * 32}
    assert load_settings(TwilioSettings, values).phone_number is None


def test_neither_number_nor_service_is_a_problem_that_names_both() -> None:
    with pytest.raises(SettingsError, match=r"PHONE_NUMBER.*TWILIO_MESSAGING_SERVICE_SID"):
        load_settings(TwilioSettings, GOOD | {"TWILIO_PHONE_NUMBER": ""})


@pytest.mark.parametrize(
    ("env", "value"),
    [
        ("TWILIO_ACCOUNT_SID", "SK" + "0" * 32),
        ("TWILIO_PHONE_NUMBER", "0155501"),
        ("TWILIO_PHONE_NUMBER", "+١٥٥٥٠١٠٠١٠٠"),  # noqa: RUF001 - digits, but not those
        ("TWILIO_MESSAGING_SERVICE_SID", "AC" + "0" * 32),
        ("TWILIO_WEBHOOK_URL", "ftp://example.com/webhooks/twilio"),
        ("TWILIO_WEBHOOK_URL", "https://example.com/sms"),
        ("TWILIO_WEBHOOK_URL", "https://[1/webhooks/twilio"),
        ("TWILIO_WEBHOOK_URL", "https://webhooks/twilio"),
        ("TWILIO_API_BASE_URL", "localhost:8091"),
        ("TWILIO_API_BASE_URL", "http://user:pw@localhost/"),
    ],
)
def test_malformed_value_is_named_and_never_shown(env: str, value: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(TwilioSettings, GOOD | {env: value})
    assert env in str(caught.value)
    assert value not in str(caught.value)


def test_our_address_is_the_number_or_else_the_service() -> None:
    service = "MG" + "1" * 32
    both = load_settings(TwilioSettings, GOOD | {"TWILIO_MESSAGING_SERVICE_SID": service})
    assert own_addresses(both) == ("+15550100100",)
    assert own_addresses(attrs.evolve(both, phone_number=None)) == (service,)
    assert own_addresses(attrs.evolve(both, phone_number=None, messaging_service_sid=None)) == ()


def test_half_set_is_told_from_unset() -> None:
    assert completeness(TwilioSettings, {}) is Completeness.NONE
    assert completeness(TwilioSettings, {"TWILIO_AUTH_TOKEN": "x"}) is Completeness.HALF
    assert completeness(TwilioSettings, GOOD) is Completeness.COMPLETE


@pytest.mark.parametrize(
    ("webhook_url", "public_url", "is_good"),
    [
        (None, "https://a.example", True),
        ("https://a.example/webhooks/twilio", "https://a.example", True),
        ("https://A.example:443/webhooks/twilio", "https://a.example/", True),
        ("http://a.example:80/webhooks/twilio", "http://a.example", True),
        ("https://a.example/x/webhooks/twilio", "https://a.example/x", True),
        ("http://[::1]:8080/webhooks/twilio", "http://[::1]:8080", True),
        ("http://[::1]:8080/webhooks/twilio", "http://[::1]:8081", False),
        ("https://b.example/webhooks/twilio", "https://a.example", False),
        ("http://a.example/webhooks/twilio", "https://a.example", False),
        ("https://a.example:8443/webhooks/twilio", "https://a.example", False),
        ("https://a.example/x/webhooks/twilio", "https://a.example", False),
    ],
)
def test_webhook_url_must_agree_with_public_url(
    webhook_url: str | None, public_url: str, is_good: bool
) -> None:
    settings = attrs.evolve(load_settings(TwilioSettings, GOOD), webhook_url=webhook_url)
    problems = list(webhook_url_problems(settings, public_url))
    assert [problem.env for problem in problems] == ([] if is_good else ["TWILIO_WEBHOOK_URL"])


async def test_opening_without_the_sdk_says_what_to_install(
    context: ProviderContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "clientflow_plugins.twilio.provider", None)
    with pytest.raises(PluginError, match=r"clientflow\[twilio\]"):
        async with TWILIO.open(context, load_settings(TwilioSettings, GOOD)):
            pass
