"""Ports of this machine for servers that start later."""

import errno
import secrets
import socket
from typing import Final

# Below what Linux (32768), macOS and Windows (49152) give to outgoing connections: one of those
# could take a port that was found, before its server has come to listen there.
_RANGE: Final = range(20_000, 32_768)


def listen(host: str, port: int) -> socket.socket:
    """Listen at *port*, or at one that is free: 0 takes any, until the socket is closed.

    Args:
        host: an address of this machine, or a name of it.
        port: 0 to 65535.

    Raises:
        OSError: something else listens there, or *host* is not this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    if port:
        # As aiohttp will: a port that a connection of before still occupies can be had.
        return socket.create_server((host, port), family=family, reuse_port=False)
    # Not from the same on, and by no seed of a test: those that look side by side must not meet.
    first = secrets.randbelow(len(_RANGE))
    for one in [*_RANGE[first:], *_RANGE[:first]]:
        try:
            return listen(host, one)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
    raise OSError(errno.EADDRINUSE, f"nothing is free from {_RANGE[0]} to {_RANGE[-1]}")


def free_port(host: str = "127.0.0.1") -> int:
    """Find a port of *host* for a server that starts in a moment.

    Raises:
        OSError: as :func:`listen` does.
    """
    with listen(host, 0) as listening:
        return int(listening.getsockname()[1])
