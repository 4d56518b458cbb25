"""What an operator sets for the smoke test of a deployment."""

from typing import Final

import attrs

from clientflow_core.secret import Secret
from clientflow_core.settings import setting

API_KEY_ENV: Final = "CLIENTFLOW_SMOKE_API_KEY"
EMAIL_ENV: Final = "CLIENTFLOW_SMOKE_EMAIL"
PASSWORD_ENV: Final = "CLIENTFLOW_SMOKE_PASSWORD"  # noqa: S105 - its name


@attrs.frozen(kw_only=True)
class SmokeSettings:
    """Who the smoke test is; of a running `up` it knows by itself."""

    api_key: Secret | None = setting(
        env=API_KEY_ENV,
        help="an API key of an organization that is there for trying: a contact is added to it",
        default=None,
        example="cf_live_ and letters and digits",
    )
    email: str | None = setting(
        env=EMAIL_ENV,
        help="a user of that organization, who signs in and out again",
        default=None,
        example="smoke@example.com",
    )
    password: Secret | None = setting(
        env=PASSWORD_ENV,
        help="the password of that user",
        default=None,
        example="the password of that user",
    )
