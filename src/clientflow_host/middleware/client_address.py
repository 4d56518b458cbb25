"""Where a request comes from, as far as it can be believed."""

import functools
import ipaddress
from typing import Final

from aiohttp import web

from clientflow_host.assembly import ASSEMBLY
from clientflow_host.edge_settings import EdgeSettings, Network

_FORWARDED_FOR: Final = "X-Forwarded-For"
_FORWARDED_PROTO: Final = "X-Forwarded-Proto"
# What one subscriber gets of IPv6 is a whole network.
_IPV6_PREFIX: Final = 64

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def client_address(request: web.Request) -> str:
    """Give the address of who asks; of those that proxies tell, the last that is no proxy of ours.

    Whatever stands before it, anybody could have written.
    """
    peer = request.remote or ""
    networks = _networks(request.app[ASSEMBLY].settings.edge)
    if not _is_in(networks, peer):
        return peer
    told = [hop for line in request.headers.getall(_FORWARDED_FOR, ()) for hop in line.split(",")]
    for hop in map(str.strip, reversed(told)):
        if not _is_in(networks, hop):
            return hop if _address(hop) else peer
    return peer


def client_network(request: web.Request) -> str:
    """Give that address, of IPv6 the network: what one subscriber has."""
    text = client_address(request)
    address = _address(text)
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((address, _IPV6_PREFIX), strict=False))
    return text


def came_by_http(request: web.Request) -> bool:
    """Tell whether a proxy of ours says that the request came to it without TLS."""
    networks = _networks(request.app[ASSEMBLY].settings.edge)
    told = request.headers.get(_FORWARDED_PROTO)
    return told == "http" and _is_in(networks, request.remote or "")


@functools.cache
def _networks(settings: EdgeSettings) -> tuple[Network, ...]:
    return settings.proxy_networks


def _is_in(networks: tuple[Network, ...], text: str) -> bool:
    if not networks:
        return False
    address = _address(text)
    return address is not None and any(address in network for network in networks)


def _address(text: str) -> _Address | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address
