"""The settings of the edge: what would let everybody in is refused at the start."""

import pytest

from clientflow_core.errors import SettingsError
from clientflow_host.edge_settings import CORS_ORIGINS_ENV, RATE_LIMIT_ENV, TRUSTED_PROXIES_ENV
from clientflow_host.settings import load_host_settings


def test_nothing_is_let_in_until_it_is_named() -> None:
    edge = load_host_settings({}).edge
    assert (edge.cors_origins, edge.trusted_proxies, edge.rate_limit) == ((), (), 1200)


def test_what_is_named_is_read() -> None:
    values = {
        CORS_ORIGINS_ENV: "https://app.example.com, http://localhost:3000",
        TRUSTED_PROXIES_ENV: "10.0.0.7,fd00::/8",
    }
    edge = load_host_settings(values).edge
    assert edge.cors_origins == ("https://app.example.com", "http://localhost:3000")
    assert [str(network) for network in edge.proxy_networks] == ["10.0.0.7/32", "fd00::/8"]


@pytest.mark.proves("DA7")
@pytest.mark.parametrize(
    ("env", "value", "words"),
    [
        (CORS_ORIGINS_ENV, "*", "does not look right"),
        (CORS_ORIGINS_ENV, "https://*.example.com", "does not look right"),
        (CORS_ORIGINS_ENV, "https://app.example.com/", "does not look right"),
        (CORS_ORIGINS_ENV, "null", "does not look right"),
        (TRUSTED_PROXIES_ENV, "proxy.example.com", "neither an address nor a network"),
        (TRUSTED_PROXIES_ENV, "10.0.0.1/8", "neither an address nor a network"),
        (RATE_LIMIT_ENV, "-1", "does not look right"),
    ],
)
def test_what_is_no_such_thing_is_refused(env: str, value: str, words: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_host_settings({env: value})
    assert (env in str(caught.value), words in str(caught.value)) == (True, True), caught.value
