"""What every answer says to the browser, whatever it is an answer to; and of which release it is.

A page's own policy is made in ``pages/templating.py``; what is set there stays.
"""

from typing import Final

from aiohttp import hdrs, web

from clientflow_core.release import release

RELEASE_HEADER: Final = "X-Release"
_HSTS_SECONDS: Final = 2 * 365 * 24 * 60 * 60
# Nothing that is no page may do anything in a browser.
_DEFAULTS: Final = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # What a page takes from elsewhere, it takes without anybody's cookies.
    "Cross-Origin-Embedder-Policy": "credentialless",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    hdrs.CACHE_CONTROL: "no-store",
}


def default_headers(url: str) -> dict[str, str]:
    """Give the headers of an answer that has none of its own.

    Args:
        url: where the world reaches the host; over https it is told to do so always.
    """
    headers = {**_DEFAULTS, RELEASE_HEADER: release()}
    if url.startswith("https://"):
        headers["Strict-Transport-Security"] = f"max-age={_HSTS_SECONDS}"
    return headers


def add_missing(response: web.StreamResponse, headers: dict[str, str]) -> None:
    """Put those of *headers* on *response* that it does not have."""
    there = response.headers
    for name, value in headers.items():
        if name not in there:
            there[name] = value
