"""What an operator sets for the pages that the public sees."""

import datetime as dt
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import attrs

from clientflow_core.errors import SettingProblem
from clientflow_core.settings import setting

PUBLIC_PREFIX: Final = "NEXT_PUBLIC_"
POSTHOG_KEY_ENV: Final = "NEXT_PUBLIC_POSTHOG_KEY"
API_BASE_URL_ENV: Final = "NEXT_PUBLIC_API_BASE_URL"
SUPPORT_EMAIL_ENV: Final = "CLIENTFLOW_SUPPORT_EMAIL"
LEGAL_DIR_ENV: Final = "CLIENTFLOW_LEGAL_DIR"
LEGAL_DATE_ENV: Final = "CLIENTFLOW_LEGAL_DATE"
SITE_VERIFICATION_ENV: Final = "CLIENTFLOW_GOOGLE_SITE_VERIFICATION"
_POSTHOG: Final = "https://eu.i.posthog.com"
_ORIGIN: Final = r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?"
# As narrow as a mailto: link may be; an address that needs more is not one for the public.
_EMAIL: Final = r"[A-Za-z0-9.+_-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+"


@attrs.frozen(kw_only=True)
class SiteSettings:
    """Who runs the service, and what its pages may show to everybody."""

    posthog_key: str | None = setting(
        env=POSTHOG_KEY_ENV,
        help="the project's key of PostHog, which counts the pages that those who agree open; one"
        " that begins with phx_ is secret and is refused",
        default=None,
        pattern="phc_[A-Za-z0-9_-]+",
        example="phc_0123456789abcdef",
        console_url="https://app.posthog.com/settings/project",
    )
    posthog_host: str | None = setting(
        env="NEXT_PUBLIC_POSTHOG_HOST",
        help="where PostHog takes events: the region of the project, or a host of your own; without"
        f" it, {_POSTHOG}",
        default=None,
        pattern=f"{_ORIGIN}/?",
        example="https://us.i.posthog.com",
    )
    api_base_url: str | None = setting(
        env=API_BASE_URL_ENV,
        help="where scripts of pages reach the API, without /api/v1, if not where the pages are",
        default=None,
        pattern=rf"{_ORIGIN}(/[^\s?#;,'\"]*)?",
        example="https://api.example.com",
    )
    company_name: str | None = setting(
        env="CLIENTFLOW_COMPANY_NAME",
        help="who runs the service, as contracts name them",
        default=None,
        example="Example Ltd",
    )
    company_address: str | None = setting(
        env="CLIENTFLOW_COMPANY_ADDRESS",
        help="their postal address, in one line",
        default=None,
        example="1 High Street, Dublin 2, Ireland",
    )
    company_law: str | None = setting(
        env="CLIENTFLOW_COMPANY_LAW",
        help="the law that the terms are under, and the courts that decide",
        default=None,
        example="Irish law, and the courts of Dublin",
    )
    privacy_email: str | None = setting(
        env="CLIENTFLOW_PRIVACY_EMAIL",
        help="who answers questions about personal data",
        default=None,
        pattern=_EMAIL,
        example="privacy@example.com",
    )
    support_email: str | None = setting(
        env=SUPPORT_EMAIL_ENV,
        help="who helps: shown on every page, on errors and in /.well-known/security.txt",
        default=None,
        pattern=_EMAIL,
        example="support@example.com",
    )
    legal_date: str | None = setting(
        env=LEGAL_DATE_ENV,
        help="the day from which the legal pages hold",
        default=None,
        pattern="[0-9]{4}-[0-9]{2}-[0-9]{2}",
        example="2026-12-01",
    )
    legal_dir: Path | None = setting(
        env=LEGAL_DIR_ENV,
        help="a folder with legal texts of your own, in Markdown, each in place of ours: terms.md,"
        " privacy.md, dpa.md, cookies.md",
        default=None,
    )
    site_verification: str | None = setting(
        env=SITE_VERIFICATION_ENV,
        help="what Google's search console gives as the content of its HTML tag",
        default=None,
        pattern="[A-Za-z0-9_=-]+",
        example="0123456789_abcdef",
        console_url="https://search.google.com/search-console",
    )

    def check(self) -> Iterable[SettingProblem]:
        """Give a problem for a day that is none, and for a folder that is not there."""
        if self.legal_date is not None:
            try:
                dt.date.fromisoformat(self.legal_date)
            except ValueError:
                yield SettingProblem(LEGAL_DATE_ENV, "is not a day of the calendar")
        if self.legal_dir is not None and not self.legal_dir.is_dir():
            hint = "make the folder, or take the setting away: our texts are shown then"
            yield SettingProblem(LEGAL_DIR_ENV, "is not a folder", hint)

    @property
    def posthog_origin(self) -> str:
        """Where PostHog takes events, without a slash at the end."""
        return (self.posthog_host or _POSTHOG).rstrip("/")
