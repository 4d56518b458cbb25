"""What programs ask for before they read a site: what may be read, what there is, whom to tell."""

import datetime as dt
from typing import Final
from xml.sax.saxutils import escape

from aiohttp import web

from clientflow_core.domain.roles import Role
from clientflow_core.errors import NotFound
from clientflow_host.assembly import ASSEMBLY
from clientflow_host.openapi import ApiRequest, Operation
from clientflow_host.pages.site import SITE, is_hidden
from clientflow_host.site_settings import SUPPORT_EMAIL_ENV

_SITEMAP: Final = "/sitemap.xml"
_SECURITY: Final = "/.well-known/security.txt"
# https://www.sitemaps.org/protocol.html
_NAMESPACE: Final = "http://www.sitemaps.org/schemas/sitemap/0.9"
# https://www.rfc-editor.org/rfc/rfc9116#section-2.5.5: less than a year is recommended.
_SECURITY_LASTS: Final = dt.timedelta(days=180)


async def read_sitemap(request: ApiRequest[None, None, None]) -> web.Response:
    """List the pages that search engines may find."""
    url = request.raw.app[ASSEMBLY].settings.url
    rows = (f"<url><loc>{escape(url + path)}</loc></url>" for path in _published(request.raw))
    text = f'<?xml version="1.0" encoding="UTF-8"?>\n<urlset xmlns="{_NAMESPACE}">'
    return web.Response(text="\n".join([text, *rows, "</urlset>\n"]), content_type="text/xml")


async def read_robots(request: ApiRequest[None, None, None]) -> web.Response:
    """Say what search engines may read: the published pages and what those show."""
    allowed = [f"Allow: {path}$" for path in _published(request.raw)]
    lines = ["User-agent: *", *allowed, "Disallow: /"]
    if allowed:
        url = request.raw.app[ASSEMBLY].settings.url
        # Without the style sheet a search engine cannot tell whether a telephone shows the page.
        lines[-1:] = ["Allow: /static/", "Disallow: /", "", f"Sitemap: {url}{_SITEMAP}"]
    return web.Response(text="\n".join(lines) + "\n")


async def read_security(request: ApiRequest[None, None, None]) -> web.Response:
    """Say whom to tell of a weakness, by RFC 9116.

    Raises:
        NotFound: nobody is set.
    """
    assembly = request.raw.app[ASSEMBLY]
    contact = assembly.settings.site.support_email
    if contact is None:
        msg = f"nobody is named whom to tell of a weakness ({SUPPORT_EMAIL_ENV})"
        raise NotFound(msg)
    expires = (assembly.clock.now() + _SECURITY_LASTS).strftime("%Y-%m-%dT00:00:00Z")
    lines = [
        f"Contact: mailto:{contact}",
        f"Expires: {expires}",
        "Preferred-Languages: en",
        f"Canonical: {assembly.settings.url}{_SECURITY}",
    ]
    return web.Response(text="\n".join(lines) + "\n")


def _published(request: web.Request) -> tuple[str, ...]:
    is_found = not is_hidden(request.app[ASSEMBLY].settings)
    return request.app[SITE].published if is_found else ()


OPERATIONS: Final = (
    Operation(
        method="GET",
        path=_SITEMAP,
        role=Role.PUBLIC,
        handler=read_sitemap,
        tag="pages",
        media_type="text/xml",
    ),
    Operation(
        method="GET",
        path="/robots.txt",
        role=Role.PUBLIC,
        handler=read_robots,
        tag="pages",
        media_type="text/plain",
    ),
    Operation(
        method="GET",
        path=_SECURITY,
        role=Role.PUBLIC,
        handler=read_security,
        tag="pages",
        media_type="text/plain",
    ),
)
