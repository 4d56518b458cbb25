"""Which ports the processes of `up` get."""

import socket

import attrs

from clientflow_core.ports import listen
from clientflow_host.serving import PortTaken, port_taken
from clientflow_host.settings import HostSettings


@attrs.frozen(kw_only=True)
class Ports:
    """One for each process that listens."""

    host: int
    worker: int
    sandbox: int


def choose_ports(settings: HostSettings) -> Ports:
    """Find a port for each process.

    That of the host must be the one that was asked for, since people and providers know it (0 asks
    for any); the others make way when theirs are taken.

    Raises:
        PortTaken: something else listens at the host's.
    """
    # Held together and let go at once, so that none is given out twice.
    with (
        _reserve(settings.host, settings.port) as host,
        _reserve_or_any(settings.host, settings.worker_port) as worker,
        _reserve_or_any(settings.host, settings.sandbox_port) as sandbox,
    ):
        return Ports(host=_number(host), worker=_number(worker), sandbox=_number(sandbox))


def _reserve(host: str, port: int) -> socket.socket:
    try:
        return listen(host, port)
    except OSError as error:
        hint = "Choose another port, such as --port 8180, or --port 0 for any"
        raise port_taken(host, port, error, hint=hint) from error


def _reserve_or_any(host: str, port: int) -> socket.socket:
    try:
        return _reserve(host, port)
    except PortTaken:
        return _reserve(host, 0)


def _number(listening: socket.socket) -> int:
    return int(listening.getsockname()[1])
