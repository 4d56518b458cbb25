"""A change that is sent once, on whatever connection.

aiohttp sends some methods a second time of its own accord where a connection that was kept breaks
(3.14.5, ``client.py``: IDEMPOTENT_METHODS), though the first may have arrived. A change of a
version that is made twice is refused the second time, as if it were somebody else's.
"""

from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

_REPEATED: Final = frozenset({"PUT", "DELETE"})


def sent_once(
    method: str, data: bytes | str | None, *, headers: Mapping[str, str]
) -> dict[str, Any]:
    """Give what a session's ``request`` is passed so that it sends a change once.

    What only reads may be sent again, and so may be repeated by aiohttp; POST and PATCH it never
    repeats.

    Args:
        method: of HTTP.
        data: the body; None for none.
        headers: of the request.

    Returns:
        The arguments ``data`` and ``headers``, and others that belong to them.
    """
    if method.upper() not in _REPEATED:
        return {"data": data, "headers": headers}
    body = data.encode() if isinstance(data, str) else data or b""
    return {
        "data": _once(body),
        # Or it would be sent in chunks, which not every server takes.
        "headers": {**headers, "Content-Length": str(len(body))},
        "skip_auto_headers": ("Content-Type",),
    }


async def _once(body: bytes) -> AsyncIterator[bytes]:
    """Give a body that cannot be had again, which aiohttp does not repeat."""
    yield body
