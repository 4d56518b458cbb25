"""Keeps a plugin's secrets out of what its errors say."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import attrs

from clientflow_core.errors import ProviderError
from clientflow_core.secret import Secret

HIDDEN: Final = "[hidden]"
# A shorter one is found in innocent words.
_SHORTEST: Final = 4


def secrets_of(settings: Any) -> tuple[str, ...]:
    """Give the secret values in *settings*, an attrs object; none in anything else."""
    if not attrs.has(type(settings)):
        return ()
    values = attrs.asdict(settings, recurse=False).values()
    revealed = {secret.reveal() for value in values for secret in _secrets_in(value)}
    # The longest first: one may be a part of another.
    return tuple(sorted((one for one in revealed if len(one) >= _SHORTEST), key=len, reverse=True))


def hide(error: BaseException, secrets: Sequence[str]) -> bool:
    """Take *secrets* out of what *error* says, and drop the causes that cannot be mended.

    Returns:
        Whether it says none of them now; one whose words are its own cannot be changed.
    """
    if not secrets:
        return True
    seen = {id(error)}
    one: BaseException = error
    while (cause := one.__cause__ or one.__context__) is not None and id(cause) not in seen:
        seen.add(id(cause))
        if not _mend(cause, secrets):
            one.__cause__ = one.__context__ = None
            break
        one = cause
    return _mend(error, secrets)


def hide_in(text: str, secrets: Sequence[str]) -> str:
    """Give *text* without *secrets*."""
    # The longest first: one may be a part of another.
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return text


def _secrets_in(value: object) -> Iterator[Secret]:
    if isinstance(value, Secret):
        yield value
    elif isinstance(value, (tuple, list, frozenset, set)):
        for item in value:
            yield from _secrets_in(item)


def _mend(error: BaseException, secrets: Sequence[str]) -> bool:
    if not _leaks(error, secrets):
        return True
    error.args = tuple(_clean(arg, secrets) for arg in error.args)
    if isinstance(error, ProviderError):
        error.provider_code = _clean(error.provider_code, secrets)
    notes = getattr(error, "__notes__", None)
    if isinstance(notes, list):
        notes[:] = [_clean(note, secrets) for note in notes]
    return not _leaks(error, secrets)


def _leaks(error: BaseException, secrets: Sequence[str]) -> bool:
    return any(secret in text for text in _texts(error) for secret in secrets)


def _texts(error: BaseException) -> Iterable[str]:
    try:
        return (
            str(error),
            repr(error),
            str(getattr(error, "provider_code", "")),
            str(getattr(error, "__notes__", "")),
        )
    except Exception:  # noqa: BLE001 - it cannot even say what it is, and so says nothing
        return ()


def _clean(value: Any, secrets: Sequence[str]) -> Any:
    if isinstance(value, bytes):
        return _clean(value.decode("utf-8", "replace"), secrets)
    if not isinstance(value, str):
        return HIDDEN if any(secret in repr(value) for secret in secrets) else value
    return hide_in(value, secrets)
