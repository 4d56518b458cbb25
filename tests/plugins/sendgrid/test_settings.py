"""What an operator sets, and what is said of it."""

import pytest

from clientflow_core.errors import SettingsError
from clientflow_core.settings import load_settings, setting_fields
from clientflow_plugins.sendgrid.settings import SendgridSettings
from clientflow_plugins.sendgrid.spec import SENDGRID
from tests.plugins.sendgrid.conftest import settings_with


def problems(**values: str) -> set[str]:
    with pytest.raises(SettingsError) as caught:
        load_settings(SendgridSettings, values)
    return {one.env for one in caught.value.problems}


def test_all_that_is_wrong_is_told_at_once_and_never_with_its_value() -> None:
    assert problems() == {"SENDGRID_API_KEY", "SENDGRID_FROM_EMAIL"}
    with pytest.raises(SettingsError) as caught:
        settings_with(SENDGRID_API_KEY="my-key", SENDGRID_PUBLIC_KEY="-----BEGIN")
    assert {one.env for one in caught.value.problems} == {
        "SENDGRID_API_KEY",
        "SENDGRID_PUBLIC_KEY",
    }
    assert "my-key" not in str(caught.value)


@pytest.mark.parametrize(
    "address",
    [
        "hello",
        "hello@localhost",
        "a b@example.com",
        "x@y@example.com",
        "A <a@b.example>",
        "a..b@c.example",
    ],
)
def test_sender_is_an_address_and_nothing_else(address: str) -> None:
    with pytest.raises(SettingsError):
        settings_with(SENDGRID_FROM_EMAIL=address)


def test_short_token_is_no_secret() -> None:
    with pytest.raises(SettingsError, match="SENDGRID_INBOUND_TOKEN"):
        settings_with(SENDGRID_INBOUND_PUBLIC_KEY="", SENDGRID_INBOUND_TOKEN="short")


def test_clients_write_to_the_address_of_inbound_parse_if_there_is_one() -> None:
    plain = settings_with(SENDGRID_FROM_EMAIL="Hello@Acme.example.com")
    assert SENDGRID.addresses(plain) == ("hello@acme.example.com",)
    parse = settings_with(SENDGRID_REPLY_EMAIL="Hello@parse.acme.example.com")
    assert SENDGRID.addresses(parse) == ("hello@parse.acme.example.com",)
    other_script = settings_with(SENDGRID_FROM_EMAIL="hello@xn--bcher-kva.example")
    # As an envelope has it, once it is read.
    assert SENDGRID.addresses(other_script) == ("hello@bücher.example",)
    assert SENDGRID.account(parse) == "hello@parse.acme.example.com"


def test_api_is_sendgrids_unless_something_else_is_set() -> None:
    assert settings_with().api_url == "https://api.sendgrid.com"
    elsewhere = settings_with(SENDGRID_API_BASE_URL="https://api.eu.sendgrid.com/")
    assert elsewhere.api_url == "https://api.eu.sendgrid.com"


def test_no_organization_sets_where_the_key_is_sent_or_whether_anything_is_delivered() -> None:
    fields = setting_fields(SendgridSettings)
    ours = {one.setting.env for one in fields if not one.setting.per_organization}
    assert ours == {"SENDGRID_API_BASE_URL", "SENDGRID_SANDBOX_MODE"}
