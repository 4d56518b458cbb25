"""A value that never prints itself."""

import hmac
from typing import NoReturn


class Secret:
    """Hold *value* so that only :meth:`reveal` shows it.

    ``repr``, ``str`` and ``format`` give stars; pickling and copying into JSON raise. Two secrets
    are compared in constant time.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Give the value. Call it where the value leaves for its owner, and nowhere else."""
        return self._value

    def __repr__(self) -> str:
        return "Secret('**********')"

    def __str__(self) -> str:
        return "**********"

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._value.encode(), other._value.encode())

    def __hash__(self) -> int:
        return hash(self._value)

    def __reduce__(self) -> NoReturn:
        msg = "a Secret is not pickled"
        raise TypeError(msg)
