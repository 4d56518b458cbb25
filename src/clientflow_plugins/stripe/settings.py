"""What an operator sets for Stripe.

Keys: https://docs.stripe.com/keys. Which plans are sold the account decides: they are its prices
that have a lookup key. The catalogue is what it is compared with.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import attrs

from clientflow_core.errors import SettingProblem
from clientflow_core.secret import Secret
from clientflow_core.settings import setting
from clientflow_plugins.stripe.catalogue import BadCatalogue, read_catalogue

# What requests and webhooks are shaped like; the one of the SDK, which a test compares.
API_VERSION: Final = "2026-10-28.endive"
API_URL: Final = "https://api.stripe.com"
KEYS_URL: Final = "https://dashboard.stripe.com/apikeys"
WEBHOOKS_URL: Final = "https://dashboard.stripe.com/webhooks"
WEBHOOK_PATH: Final = "/webhooks/stripe"
PUBLISHABLE_KEY_ENV: Final = "STRIPE_PUBLISHABLE_KEY"
PAGE_KEY_ENV: Final = "NEXT_PUBLIC_STRIPE_PUBLISHABLE_KEY"
CATALOGUE_ENV: Final = "STRIPE_CATALOGUE"
_PUBLISHABLE_KEY: Final = "pk_(test|live)_[A-Za-z0-9]+"
_WEBHOOK_SECRET: Final = "whsec_[A-Za-z0-9+/=_-]+"  # noqa: S105 - what one looks like


@attrs.frozen(kw_only=True)
class StripeSettings:
    """The account that is paid into."""

    secret_key: Secret = setting(
        env="STRIPE_SECRET_KEY",
        help="the secret key, or a restricted one, that the API is called with",
        pattern="(sk|rk)_(test|live)_[A-Za-z0-9]+",
        example="sk_test_ and letters and digits",
        console_url=KEYS_URL,
    )
    webhook_secret: Secret = setting(
        env="STRIPE_WEBHOOK_SECRET",
        help="the signing secret of the webhook; while it is rolled, the new and the old one",
        pattern=f"{_WEBHOOK_SECRET}(,{_WEBHOOK_SECRET})?",
        example="whsec_ and letters and digits; or two with a comma between them",
        console_url=WEBHOOKS_URL,
    )
    publishable_key: str | None = setting(
        env=PUBLISHABLE_KEY_ENV,
        help="the key that a browser may see, for pages that use Stripe's scripts",
        default=None,
        pattern=_PUBLISHABLE_KEY,
        example="pk_test_ and letters and digits",
        console_url=KEYS_URL,
    )
    page_key: str | None = setting(
        env=PAGE_KEY_ENV,
        help=f"the same as {PUBLISHABLE_KEY_ENV}, where pages read it",
        default=None,
        pattern=_PUBLISHABLE_KEY,
        example="pk_test_ and letters and digits",
        console_url=KEYS_URL,
    )
    catalogue: Path | None = setting(
        env=CATALOGUE_ENV,
        help="the file of the plans that are to be sold, as TOML; Stripe is compared with it",
        default=None,
        example="/etc/clientflow/plans.toml",
    )
    api_base_url: str | None = setting(
        env="STRIPE_API_BASE_URL",
        help="where the API is, instead of Stripe; it is sent the key",
        default=None,
        pattern=r"https?://[^\s/?#@]+(/[^\s?#]*)?",
        example="http://localhost:8090/stripe",
    )

    @property
    def mode(self) -> str:
        """``live`` where money moves, else ``test``."""
        return mode_of(self.secret_key.reveal())

    @property
    def api_url(self) -> str:
        """Where the API is, without a slash at the end."""
        return (self.api_base_url or API_URL).rstrip("/")

    def check(self) -> Iterator[SettingProblem]:
        """Give a problem for each key that does not belong to the secret one, and the catalogue."""
        shown = {PUBLISHABLE_KEY_ENV: self.publishable_key, PAGE_KEY_ENV: self.page_key}
        for env, key in shown.items():
            if key and mode_of(key) != self.mode:
                problem = f"is not of the mode of STRIPE_SECRET_KEY, which is {self.mode}"
                yield SettingProblem(env, problem, "take both from the same page")
        if len({*shown.values()} - {None}) > 1:
            yield SettingProblem(PAGE_KEY_ENV, f"is not the same as {PUBLISHABLE_KEY_ENV}")
        if self.catalogue is not None:
            yield from _catalogue_problems(self.catalogue)


def _catalogue_problems(path: Path) -> Iterator[SettingProblem]:
    try:
        read_catalogue(path)
    except BadCatalogue as error:
        yield SettingProblem(CATALOGUE_ENV, str(error))


def mode_of(key: str) -> str:
    """Give the mode that a key of Stripe's names: its second word."""
    return key.split("_")[1]
