"""What an operator sets, and what an organization may."""

import pytest

from clientflow_core.errors import SettingsError
from clientflow_core.settings import load_settings, setting_fields
from clientflow_plugins.caldav.settings import CaldavSettings
from clientflow_plugins.caldav.spec import CALDAV

VALUES = {
    "CALDAV_URL": "https://dav.example.com/",
    "CALDAV_USERNAME": "bookings",
    "CALDAV_PASSWORD": "with blanks: and ümlauts",
}


def test_an_account_is_loaded_and_named() -> None:
    settings = load_settings(CaldavSettings, VALUES)
    assert settings.password.reveal() == VALUES["CALDAV_PASSWORD"]
    assert CALDAV.account(settings) == "bookings"
    assert VALUES["CALDAV_PASSWORD"] not in repr(settings)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CALDAV_URL", "dav.example.com"),
        ("CALDAV_URL", "https://user:password@dav.example.com/"),
        ("CALDAV_URL", "https://dav.example.com/?x=1"),
        ("CALDAV_USERNAME", "a:b"),
        ("CALDAV_USERNAME", "a b"),
    ],
)
def test_what_cannot_be_is_told(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name):
        load_settings(CaldavSettings, {**VALUES, name: value})


def test_an_organization_sets_who_it_is_and_never_where_is_called() -> None:
    theirs = {f.setting.env for f in setting_fields(CaldavSettings) if f.setting.per_organization}
    assert theirs == {"CALDAV_USERNAME", "CALDAV_PASSWORD"}
