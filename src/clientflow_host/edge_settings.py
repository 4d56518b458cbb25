"""What an operator sets for the edge: who may call from where, how often, and by which proxies."""

import ipaddress
from collections.abc import Iterable
from typing import Final, TypeAlias

import attrs

from clientflow_core.errors import SettingProblem
from clientflow_core.settings import setting

CORS_ORIGINS_ENV: Final = "CLIENTFLOW_CORS_ORIGINS"
TRUSTED_PROXIES_ENV: Final = "CLIENTFLOW_TRUSTED_PROXIES"
RATE_LIMIT_ENV: Final = "CLIENTFLOW_RATE_LIMIT"
PROBE_HEADER: Final = "X-Rate-Limit-Probe"
"""With it, ``/health`` is answered out of a bucket of its own, named by its value: so the checklist
sees how a request is refused, and takes nothing from anybody."""
STORE_HEADER: Final = "X-Rate-Limit-Store"
"""Tells in the answer where that bucket is."""
# What a browser sends as Origin: no slash at the end, no default port, lower case.
_ORIGIN: Final = r"https?://[a-z0-9.-]+(:[0-9]{1,5})?"

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network


@attrs.frozen(kw_only=True)
class EdgeSettings:
    """What is let in from outside."""

    cors_origins: tuple[str, ...] = setting(
        env=CORS_ORIGINS_ENV,
        help="the sites whose scripts may call the API from a browser, with commas between; each"
        " exactly, never *",
        default=(),
        pattern=rf"{_ORIGIN}( *, *{_ORIGIN})*",
        example="https://app.example.com,https://www.example.com",
    )
    trusted_proxies: tuple[str, ...] = setting(
        env=TRUSTED_PROXIES_ENV,
        help="the addresses or networks of the proxies in front, with commas between: whose"
        " X-Forwarded-For and X-Forwarded-Proto are believed; without it, nobody's",
        default=(),
        example="10.0.0.0/8,fd00::/8",
    )
    rate_limit: int = setting(
        env=RATE_LIMIT_ENV,
        help="how many requests a minute each API key, each session, and each address without"
        " either may make; 0 for as many as they like",
        default=1200,
        pattern="[0-9]{1,7}",
        example="1200",
    )

    def check(self) -> Iterable[SettingProblem]:
        """Give a problem for each proxy that is neither an address nor a network."""
        for text in self.trusted_proxies:
            try:
                ipaddress.ip_network(text)
            except ValueError:
                problem = f"holds {text!r}, which is neither an address nor a network"
                hint = "write 10.0.0.7 or 10.0.0.0/8: no bits are set behind the prefix"
                yield SettingProblem(TRUSTED_PROXIES_ENV, problem, hint)

    @property
    def proxy_networks(self) -> tuple[Network, ...]:
        """The networks of the proxies in front."""
        return tuple(ipaddress.ip_network(text) for text in self.trusted_proxies)
