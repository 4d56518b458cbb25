"""The settings of the pages that the public sees, and which of them everybody may read."""

import attrs
import pytest

from clientflow_core.errors import SettingsError
from clientflow_core.secret import Secret
from clientflow_core.settings import load_settings, setting
from clientflow_host.public_values import public_values
from clientflow_host.site_settings import SiteSettings


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CLIENTFLOW_LEGAL_DATE", "2026-02-30"),
        ("CLIENTFLOW_LEGAL_DATE", "tomorrow"),
        ("CLIENTFLOW_LEGAL_DIR", "/nowhere/at/all"),
        ("CLIENTFLOW_SUPPORT_EMAIL", "help@harbour"),
        ("CLIENTFLOW_SUPPORT_EMAIL", "help@harbour.example?subject=x"),
        ("CLIENTFLOW_GOOGLE_SITE_VERIFICATION", '"><script>'),
        ("NEXT_PUBLIC_POSTHOG_KEY", "phx_0123"),
        ("NEXT_PUBLIC_POSTHOG_HOST", "https://eu.i.posthog.com; script-src *"),
        ("NEXT_PUBLIC_API_BASE_URL", "https://api.example/;script-src *"),
        ("NEXT_PUBLIC_API_BASE_URL", "/api"),
    ],
)
def test_what_pages_could_not_show_refuses_the_start(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name):
        load_settings(SiteSettings, {name: value})


def test_posthog_is_in_europe_unless_it_is_set() -> None:
    assert SiteSettings().posthog_origin == "https://eu.i.posthog.com"
    elsewhere = load_settings(
        SiteSettings, {"NEXT_PUBLIC_POSTHOG_HOST": "https://count.example:8443/"}
    )
    assert elsewhere.posthog_origin == "https://count.example:8443"


def test_everybody_may_read_what_is_named_so_and_is_no_secret() -> None:
    @attrs.frozen(kw_only=True)
    class Settings:
        shown: str = setting(env="NEXT_PUBLIC_B", help="is shown")
        unset: str | None = setting(env="NEXT_PUBLIC_A", help="is not set", default=None)
        secret: Secret = setting(env="NEXT_PUBLIC_C", help="is named wrongly")
        private: str = setting(env="OTHER", help="is not for everybody")

    made = Settings(shown="b", secret=Secret("c"), private="d")
    assert public_values([made, SiteSettings(posthog_key="phc_x")]) == {
        "NEXT_PUBLIC_B": "b",
        "NEXT_PUBLIC_POSTHOG_KEY": "phc_x",
    }
