"""A value that never prints itself."""

import hmac
from typing import NoReturn

from typing_extensions import override


class Secret:
    """Hold *value* so that only :meth:`reveal` shows it.

    ``repr``, ``str`` and ``format`` give stars; pickling, copying and writing as JSON raise. Two
    secrets are compared in constant time.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Give the value. Call it where the value leaves for its owner, and nowhere else."""
        return self._value

    @override
    def __repr__(self) -> str:
        return "Secret('**********')"

    @override
    def __str__(self) -> str:
        return "**********"

    def __bool__(self) -> bool:
        return bool(self._value)

    @override
    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(_bytes(self), _bytes(other))

    @override
    def __hash__(self) -> int:
        return hash(self._value)

    @override
    def __reduce__(self) -> NoReturn:
        msg = "a Secret is not pickled"
        raise TypeError(msg)


def _bytes(secret: Secret) -> bytes:
    # The environment gives bytes that are no UTF-8 as lone surrogates. Strict encoding raises an
    # error on them that holds the whole value.
    return secret.reveal().encode("utf-8", "surrogatepass")
