"""Settings that a provider refuses, made from those that it takes."""

from collections.abc import Mapping
from typing import Final

_WHEELS: Final = ("0123456789", "abcdef", "ABCDEF", "ghijklmnopqrstuvwxyz", "GHIJKLMNOPQRSTUVWXYZ")


def with_wrong_secrets(
    values: Mapping[str, str], secrets: Mapping[str, str], given: Mapping[str, str]
) -> dict[str, str]:
    """Give *values* with other *secrets*.

    Args:
        values: settings by name.
        secrets: those of them that are secret.
        given: what the author knows to be wrong; used as it is.
    """
    return {**values, **{name: spoil(secret) for name, secret in secrets.items()}, **given}


def spoil(secret: str) -> str:
    """Change the last half of *secret*; what begins it, and its kinds of letters, stay.

    Of an address with a key in it, such as a DSN, only the key is changed: elsewhere nobody is who
    could refuse it.
    """
    scheme, is_address, rest = secret.partition("://")
    key, at, place = rest.partition("@")
    if is_address and at:
        return f"{scheme}://{spoil(key)}@{place}"
    half = len(secret) // 2
    return secret[:half] + "".join(next_letter(letter) for letter in secret[half:])


def next_letter(letter: str) -> str:
    """Give another letter of the same kind: a digit, a hexadecimal one, one that is not."""
    for wheel in _WHEELS:
        if letter in wheel:
            return wheel[(wheel.index(letter) + 1) % len(wheel)]
    return letter
