"""Ports for servers that start later: nobody else comes by them meanwhile."""

import errno
import re
import socket
from pathlib import Path

import pytest

from clientflow_core import ports
from clientflow_core.ports import free_port, listen


def test_port_that_is_found_is_given_to_no_outgoing_connection() -> None:
    settings = Path("/proc/sys/net/ipv4/ip_local_port_range")
    if not settings.exists():
        pytest.skip("the range of this system is not told here")
    first = int(settings.read_text("utf-8").split()[0])
    assert max(free_port() for _ in range(50)) < first


def test_port_at_which_another_listens_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    with listen("127.0.0.1", 0) as held:
        taken = held.getsockname()[1]
        monkeypatch.setattr(ports, "_RANGE", range(taken, taken + 2))
        assert free_port() == taken + 1


def test_where_all_are_taken_that_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with listen("127.0.0.1", 0) as held:
        taken = held.getsockname()[1]
        monkeypatch.setattr(ports, "_RANGE", range(taken, taken + 1))
        with pytest.raises(OSError, match=f"nothing is free from {taken} to {taken}") as caught:
            free_port()
    assert caught.value.errno == errno.EADDRINUSE


def test_address_of_another_machine_is_refused_at_once() -> None:
    with pytest.raises(OSError, match=re.escape("192.0.2.1")) as caught:
        free_port("192.0.2.1")
    assert caught.value.errno == errno.EADDRNOTAVAIL


def test_address_of_version_six() -> None:
    if not socket.has_ipv6:
        pytest.skip("no IPv6")
    assert free_port("::1") > 0
