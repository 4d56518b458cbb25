"""What an operator sets for the ledger."""

import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path

import attrs

from clientflow_core.errors import SettingProblem
from clientflow_core.secret import Secret
from clientflow_core.settings import setting
from clientflow_plugins.ledger.catalogue import BadCatalogue, read_catalogue

CATALOGUE_ENV = "LEDGER_CATALOGUE"
_SECRET_ENV = "LEDGER_WEBHOOK_SECRET"  # noqa: S105 - the name, not the secret


@attrs.frozen(kw_only=True)
class LedgerSettings:
    """What is sold, and the secret by which the ledger proves its own webhooks."""

    webhook_secret: Secret = setting(
        env=_SECRET_ENV,
        help="signs what the ledger tells the host of, so that nobody else can; any random text",
        example="what `openssl rand -hex 32` prints",
    )
    catalogue: Path | None = setting(
        env=CATALOGUE_ENV,
        help="the file of the plans that are sold, as TOML; without it, two plans as examples",
        default=None,
        example="/etc/clientflow/plans.toml",
    )

    def check(self) -> Iterator[SettingProblem]:
        """Give a problem for a catalogue that cannot be read."""
        try:
            read_catalogue(self.catalogue)
        except BadCatalogue as error:
            yield SettingProblem(CATALOGUE_ENV, str(error))


def new_settings() -> Mapping[str, str]:
    """Make what the ledger needs on this machine alone: a secret of its own."""
    return {_SECRET_ENV: secrets.token_hex(32)}
