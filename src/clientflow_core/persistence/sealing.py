"""Seals what organizations entrust to us, so that a copy of the database shows none of it.

Whose settings they are, and of which provider, stands inside the seal: a row that was copied to
another organization does not open there.
"""

import json
import uuid
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final, Self

from clientflow_core.errors import SettingProblem, SettingsError
from clientflow_core.secret import Secret

if TYPE_CHECKING:
    # Imported where there is a key: it takes its time, and most services have none.
    from cryptography.fernet import MultiFernet

KEY_ENV: Final = "CLIENTFLOW_ENCRYPTION_KEY"
_HINT: Final = (
    "keys of 32 bytes in URL-safe base64, with commas between; make one with: python -c"
    " 'from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())'"
)


def new_key() -> str:
    """Make a key."""
    from cryptography.fernet import Fernet  # noqa: PLC0415

    return Fernet.generate_key().decode("ascii")


def key_problems(keys: Secret) -> Iterable[SettingProblem]:
    """Give a problem if *keys*, with commas between, are not what seals can be made with."""
    try:
        _ = _open_with(keys)
    except ValueError:
        yield SettingProblem(KEY_ENV, "is not a key, or not only keys", _HINT)


class Sealer:
    """Seals and opens settings.

    Args:
        keys: with commas between: the first seals, each opens. None where there are none, and
            then nothing can be sealed or opened.

    Raises:
        SettingsError: one of *keys* is none.
    """

    def __init__(self, keys: Secret | None) -> None:
        if problems := tuple(key_problems(keys)) if keys else ():
            raise SettingsError(problems)
        self._fernet = _open_with(keys) if keys else None

    @classmethod
    def with_new_key(cls) -> Self:
        """Make one whose key nobody else has."""
        return cls(Secret(new_key()))

    def seal(
        self, values: Mapping[str, str], *, organization_id: uuid.UUID, provider: str
    ) -> bytes:
        """Seal *values* for one organization and provider.

        Raises:
            SettingsError: there is no key.
        """
        sealed = {
            "organization_id": str(organization_id),
            "provider": provider,
            "values": dict(values),
        }
        return self._keyed().encrypt(json.dumps(sealed).encode())

    def open(self, sealed: bytes, *, organization_id: uuid.UUID, provider: str) -> dict[str, str]:
        """Open what was sealed for this organization and provider.

        Raises:
            SettingsError: there is no key, or none that opens it, or it was sealed for others.
        """
        fernet = self._keyed()
        from cryptography.fernet import InvalidToken  # noqa: PLC0415

        try:
            found: Any = json.loads(fernet.decrypt(sealed))
        except InvalidToken as error:
            what = f"opens none of what is kept of the settings of {provider!r}"
            hint = "add the key that it was sealed with, behind the one that is used now"
            raise SettingsError([SettingProblem(KEY_ENV, what, hint)]) from error
        if (found["organization_id"], found["provider"]) != (str(organization_id), provider):
            what = f"opens settings of {provider!r} that were sealed for another organization"
            hint = "somebody has copied a row: have them set anew"
            raise SettingsError([SettingProblem(KEY_ENV, what, hint)])
        values: dict[str, str] = found["values"]
        return values

    def _keyed(self) -> "MultiFernet":
        if self._fernet is None:
            hint = f"settings of an organization are kept sealed; {_HINT}"
            raise SettingsError([SettingProblem(KEY_ENV, "is not set", hint)])
        return self._fernet


def _open_with(keys: Secret) -> "MultiFernet":
    """Make what seals with the first of *keys*, and opens with each.

    Raises:
        ValueError: one is none.
    """
    from cryptography.fernet import Fernet, MultiFernet  # noqa: PLC0415

    return MultiFernet([Fernet(key.strip()) for key in keys.reveal().split(",")])
