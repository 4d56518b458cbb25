"""Which ports the processes of `up` get."""

import socket

import pytest

from clientflow_core.ports import free_port
from clientflow_host.ports import Ports, choose_ports
from clientflow_host.serving import PortTaken
from clientflow_host.settings import HostSettings
from tests.commands import taken_port


def numbers(ports: Ports) -> set[int]:
    return {ports.host, ports.worker, ports.sandbox}


def test_ports_that_are_asked_for_are_given_where_they_are_free() -> None:
    host, worker, sandbox = (free_port() for _ in range(3))
    ports = choose_ports(HostSettings(port=host, worker_port=worker, sandbox_port=sandbox))
    assert ports == Ports(host=host, worker=worker, sandbox=sandbox)


def test_zero_asks_for_any() -> None:
    ports = choose_ports(HostSettings(port=0, worker_port=0, sandbox_port=0))
    assert len(numbers(ports)) == 3
    assert min(numbers(ports)) > 0


def test_worker_and_sandbox_make_way() -> None:
    with taken_port() as taken:
        ports = choose_ports(HostSettings(port=0, worker_port=taken, sandbox_port=taken))
    assert taken not in numbers(ports)
    assert len(numbers(ports)) == 3


def test_worker_and_sandbox_make_way_for_the_host() -> None:
    host = free_port()
    ports = choose_ports(HostSettings(port=host, worker_port=host, sandbox_port=host))
    assert ports.host == host
    assert len(numbers(ports)) == 3


def test_host_does_not_make_way_and_says_what_to_do() -> None:
    with taken_port() as taken, pytest.raises(PortTaken) as caught:
        choose_ports(HostSettings(port=taken))
    assert str(caught.value) == (
        f"cannot listen at 127.0.0.1:{taken}: something else listens there. Choose another port,"
        " such as --port 8180, or --port 0 for any"
    )


@pytest.mark.parametrize("host", ["192.0.2.1", "nowhere.invalid"])
def test_address_of_another_machine_is_told(host: str) -> None:
    with pytest.raises(PortTaken, match=rf"{host}:8080: .*\. CLIENTFLOW_HOST must be") as caught:
        choose_ports(HostSettings(host=host))
    assert "attempting" not in str(caught.value)


def test_port_that_a_connection_of_before_occupies_can_be_had() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = int(listening.getsockname()[1])
        with socket.create_connection(("127.0.0.1", port)):
            accepted, _ = listening.accept()
            # Whoever closes first keeps the port for a while.
            accepted.close()
    assert choose_ports(HostSettings(port=port)).host == port


def test_address_of_version_six() -> None:
    if not socket.has_ipv6:
        pytest.skip("no IPv6")
    assert choose_ports(HostSettings(host="::1", port=0)).host > 0
