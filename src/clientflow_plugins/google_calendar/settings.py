"""What an operator, or an organization, sets for Google's calendars."""

import base64
import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

import attrs

from clientflow_core.errors import SettingProblem
from clientflow_core.secret import Secret
from clientflow_core.settings import setting

WEBHOOK_PATH: Final = "/webhooks/gcal"
SERVICE_ACCOUNT_ENV: Final = "GOOGLE_SVC_ACCOUNT_JSON"
REFRESH_TOKEN_ENV: Final = "GOOGLE_CALENDAR_REFRESH_TOKEN"  # noqa: S105 - its name
SCOPES: Final = (
    "https://www.googleapis.com/auth/calendar.calendarlist.readonly",
    "https://www.googleapis.com/auth/calendar.events",
    "https://www.googleapis.com/auth/calendar.freebusy",
)
"""The least that will do."""

_SUBJECT_ENV: Final = "GOOGLE_CALENDAR_SUBJECT"
_CREDENTIALS_URL: Final = "https://console.cloud.google.com/apis/credentials"
_SERVICE_ACCOUNTS_URL: Final = "https://console.cloud.google.com/iam-admin/serviceaccounts"
_KEY_FIELDS: Final = ("client_email", "private_key", "private_key_id")


@attrs.frozen(kw_only=True)
class GoogleCalendarSettings:
    """Who reads and writes the calendars: a service account, or a user who has consented."""

    webhook_secret: Secret = setting(
        env="GOOGLE_CALENDAR_WEBHOOK_SECRET",
        help="proves that a notice of a change is Google's; any 16 characters or more",
        pattern="[!-~]{16,}",
        example="what `openssl rand -hex 32` prints",
    )
    service_account: Secret | None = setting(
        env=SERVICE_ACCOUNT_ENV,
        help="the JSON key of a service account, in Base64",
        default=None,
        console_url=_SERVICE_ACCOUNTS_URL,
        per_organization=True,
    )
    subject: str | None = setting(
        env=_SUBJECT_ENV,
        help="the user for whom the service account acts, by domain-wide delegation",
        default=None,
        pattern=r"[^@\s]+@[^@\s]+",
        example="owner@example.com",
        per_organization=True,
    )
    client_id: str | None = setting(
        env="GOOGLE_CLIENT_ID",
        help="the OAuth client that users consent to",
        default=None,
        pattern=r"[A-Za-z0-9_.-]+\.apps\.googleusercontent\.com",
        example="1234567890-abc.apps.googleusercontent.com",
        console_url=_CREDENTIALS_URL,
    )
    client_secret: Secret | None = setting(
        env="GOOGLE_CLIENT_SECRET",
        help="the secret of the OAuth client",
        default=None,
        console_url=_CREDENTIALS_URL,
    )
    refresh_token: Secret | None = setting(
        env=REFRESH_TOKEN_ENV,
        help="what a user's consent has given, instead of a service account",
        default=None,
        per_organization=True,
    )
    api_base_url: str | None = setting(
        env="GOOGLE_CALENDAR_API_BASE_URL",
        help="where the API and the tokens are, instead of Google; it is sent the credentials",
        default=None,
        pattern=r"https?://[^\s/?#@]+(/[^\s?#]*)?",
        example="http://localhost:8090/google_calendar",
    )

    def check(self) -> Iterator[SettingProblem]:
        """Give a problem for each rule that the values break together."""
        if self.service_account:
            yield from self._service_account_problems(self.service_account)
        elif self.refresh_token or self.client_id or self.client_secret:
            # The client alone will do: each organization then connects an account of its own.
            yield from self._client_problems()
        else:
            hint = "or set GOOGLE_CLIENT_ID and GOOGLE_CLIENT_SECRET, and let users consent"
            yield SettingProblem(SERVICE_ACCOUNT_ENV, "is not set", hint)
        if self.subject and not self.service_account:
            problem = f"is set without {SERVICE_ACCOUNT_ENV}: a user acts for nobody else"
            yield SettingProblem(_SUBJECT_ENV, problem)

    def _service_account_problems(self, service_account: Secret) -> Iterator[SettingProblem]:
        if self.refresh_token:
            problem = f"is set beside {SERVICE_ACCOUNT_ENV}: only one of them can be used"
            yield SettingProblem(REFRESH_TOKEN_ENV, problem)
        try:
            read_service_account(service_account)
        except ValueError as error:
            hint = "as `base64 -w0 key.json` prints it"
            yield SettingProblem(SERVICE_ACCOUNT_ENV, str(error), hint)

    def _client_problems(self) -> Iterator[SettingProblem]:
        hint = "users consent to both of them, and the consent works with this client alone"
        if not self.client_id:
            yield SettingProblem("GOOGLE_CLIENT_ID", "is not set", hint)
        if not self.client_secret:
            yield SettingProblem("GOOGLE_CLIENT_SECRET", "is not set", hint)


def read_service_account(value: Secret) -> Mapping[str, Any]:
    """Read the JSON key of a service account.

    Its ``token_uri`` is of no account: an organization that sets a key of its own must not choose
    whom the service calls.

    Raises:
        ValueError: it is none; the message holds nothing of it.
    """
    try:
        key = json.loads(base64.b64decode(value.reveal(), validate=True))
    except (ValueError, RecursionError):
        msg = "is not JSON in Base64"
        # What is raised by JSON holds the document.
        raise ValueError(msg) from None
    if not isinstance(key, dict) or key.get("type") != "service_account":
        msg = "is not the key of a service account"
        raise ValueError(msg)
    for name in _KEY_FIELDS:
        if not isinstance(key.get(name), str) or not key[name]:
            msg = f"has no {name}"
            raise ValueError(msg)
    return key


def own_account(settings: GoogleCalendarSettings) -> str:
    """Name the account that the calendars are read with, without asking Google."""
    if settings.service_account is None:
        return str(settings.client_id)
    return settings.subject or str(read_service_account(settings.service_account)["client_email"])
