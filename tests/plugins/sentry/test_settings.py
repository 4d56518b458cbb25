import pytest

from clientflow_core.errors import SettingsError
from clientflow_core.settings import load_settings
from clientflow_plugins.sentry.settings import SentrySettings, release_of

KEY = "a1" * 16
GOOD = {"SENTRY_DSN": f"https://{KEY}@o1.ingest.sentry.io/2"}


def test_dsn_is_enough_and_is_not_shown() -> None:
    settings = load_settings(SentrySettings, GOOD)
    assert (settings.environment, settings.traces_sample_rate) == ("production", 0.1)
    assert release_of(settings).startswith("clientflow@")
    assert KEY not in repr(settings)


@pytest.mark.parametrize(
    ("env", "value"),
    [
        ("SENTRY_DSN", "https://o1.ingest.sentry.io/2"),
        ("SENTRY_DSN", f"https://{KEY}@o1.ingest.sentry.io/"),
        ("SENTRY_DSN", f"https://{KEY}@o1.ingest.sentry.io/project"),
        ("SENTRY_DSN", f"https://{KEY[1:]}@o1.ingest.sentry.io/2"),
        ("SENTRY_ENVIRONMENT", "a/b"),
        ("SENTRY_RELEASE", "a b c"),
        ("SENTRY_TRACES_SAMPLE_RATE", "1.01"),
        ("SENTRY_TRACES_SAMPLE_RATE", "nan"),
        ("SENTRY_TRACES_SAMPLE_RATE", "much"),
        ("SENTRY_URL", "sentry.example"),
        ("SENTRY_ORG", "Ours"),
    ],
)
def test_malformed_value_is_named_and_never_shown(env: str, value: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(SentrySettings, GOOD | {env: value})
    assert env in str(caught.value)
    assert value not in str(caught.value)


@pytest.mark.parametrize(
    "dsn",
    [
        f"http://{KEY}@localhost:9000/1",
        f"https://{KEY}:{KEY}@sentry.example/sub/path/1",
        f"http://{KEY}@[::1]:9000/1",
    ],
)
def test_dsn_of_a_server_of_ones_own_is_taken(dsn: str) -> None:
    assert load_settings(SentrySettings, {"SENTRY_DSN": dsn}).dsn.reveal() == dsn
