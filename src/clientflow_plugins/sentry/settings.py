"""What an operator sets for Sentry; the names are those of its SDK and of sentry-cli."""

from collections.abc import Iterator
from typing import Final

import attrs

from clientflow_core.errors import SettingProblem
from clientflow_core.release import release
from clientflow_core.secret import Secret
from clientflow_core.settings import setting

_KEY: Final = r"[0-9a-fA-F]{32}"
_HOST: Final = r"([0-9A-Za-z.-]+|\[[0-9a-fA-F:]+\])(:[0-9]{1,5})?"
_CONSOLE: Final = "https://sentry.io/settings/projects/"


@attrs.frozen(kw_only=True)
class SentrySettings:
    """The project that errors and traces go to, and how much of them."""

    dsn: Secret = setting(
        env="SENTRY_DSN",
        help="the project's DSN: where errors go, and the key that lets them in",
        pattern=rf"https?://{_KEY}(:{_KEY})?@{_HOST}(/[0-9A-Za-z._~-]+)*/[0-9]{{1,20}}",
        example="https://KEY@o1.ingest.sentry.io/2, with a key of 32 hexadecimal digits",
        console_url=_CONSOLE,
    )
    environment: str = setting(
        env="SENTRY_ENVIRONMENT",
        help="which installation it is",
        default="production",
        # https://docs.sentry.io/concepts/key-terms/environments/
        pattern=r"[^\s/\\]{1,64}",
        example="production or staging",
    )
    release: str | None = setting(
        env="SENTRY_RELEASE",
        help="version and commit of what is deployed; by default the version of ClientFlow alone",
        default=None,
        # https://docs.sentry.io/platforms/python/configuration/releases/
        pattern=r"[^\s/\\]{3,200}",
        example="clientflow@0.1.0+4ab41c6",
    )
    traces_sample_rate: float = setting(
        env="SENTRY_TRACES_SAMPLE_RATE",
        help="which part of all requests and jobs is timed, from 0 to 1; each is paid for",
        default=0.1,
        example="0.1",
    )
    auth_token: Secret | None = setting(
        env="SENTRY_AUTH_TOKEN",
        help="a token that may read alert rules (alerts:read), for the checklist alone",
        default=None,
        console_url="https://sentry.io/settings/auth-tokens/",
    )
    organization: str | None = setting(
        env="SENTRY_ORG",
        help="the organization's slug, for the checklist alone",
        default=None,
        pattern=r"[a-z0-9_-]{1,60}",
    )
    project: str | None = setting(
        env="SENTRY_PROJECT",
        help="the project's slug, for the checklist alone",
        default=None,
        pattern=r"[a-z0-9_-]{1,100}",
    )
    url: str = setting(
        env="SENTRY_URL",
        help="where Sentry's API is; it is sent the token",
        default="https://sentry.io",
        pattern=r"https?://[^\s/?#@]+(/[^\s?#]*)?",
        example="https://de.sentry.io",
    )

    def check(self) -> Iterator[SettingProblem]:
        """Give a problem for a rate that is none."""
        if not 0 <= self.traces_sample_rate <= 1:
            yield SettingProblem("SENTRY_TRACES_SAMPLE_RATE", "must be from 0 to 1")


def release_of(settings: SentrySettings) -> str:
    """Give the release that is told."""
    return settings.release or f"clientflow@{release()}"
