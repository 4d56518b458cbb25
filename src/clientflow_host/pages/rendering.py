"""Templates to responses: who is signed in, and who may show the page in a frame."""

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlsplit

from aiohttp import web

from clientflow_core.contributions.pages import PageSpec
from clientflow_core.registry.discovery import Plugin
from clientflow_host.assembly import ASSEMBLY
from clientflow_host.middleware.sessions import SIGNED_IN
from clientflow_host.pages.site import site_of
from clientflow_host.pages.templating import NOBODY, fill, page_headers
from clientflow_host.settings import is_this_machine

_NAME: Final = re.compile(r"[A-Za-z0-9.-]+")


def render(
    request: web.Request,
    template: str,
    *,
    status: int = HTTPStatus.OK,
    **context: Any,
) -> web.Response:
    """Give the page that *template* makes of *context*, and of who is signed in."""
    site = site_of(request)
    text = fill(
        template,
        signed_in=request.get(SIGNED_IN),
        path=request.path,
        sandbox_url=console_origin(request),
        plugin_pages=_plugin_pages(request),
        site=site,
        **context,
    )
    headers = page_headers(
        connect_src=site.connect_src, frame_ancestors=console_origin(request) or NOBODY
    )
    if site.canonical is None or status != HTTPStatus.OK:
        headers["X-Robots-Tag"] = "noindex"
    return web.Response(text=text, status=status, content_type="text/html", headers=headers)


def lead_away(request: web.Request, url: str, *, why: str) -> web.Response:
    """Lead the browser to a page of a provider, by way of one of ours that says *why*.

    Not by a redirect: our pages' policy lets no form lead to another site, by no detour either.
    """
    response = render(request, "leaving.html", url=url, why=why)
    response.headers["Refresh"] = f"0; url={url}"
    return response


def page_path(plugin: Plugin, spec: PageSpec) -> str:
    """Tell where the page of a plugin is."""
    return f"/x/{plugin.name}/{spec.path}"


def _plugin_pages(request: web.Request) -> list[Mapping[str, str]]:
    """Give the pages of plugins that who is signed in may see, for the navigation."""
    signed_in = request.get(SIGNED_IN)
    if signed_in is None:
        return []
    return [
        {"path": page_path(plugin, spec), "title": spec.title}
        for plugin in request.app[ASSEMBLY].registry.plugins
        for spec in plugin.contributions.pages
        if signed_in.principal.role.includes(spec.role)
    ]


def console_origin(request: web.Request) -> str | None:
    """Give the origin of the sandbox's console, if the host runs beside one.

    One on this machine is named as the browser names the host, since only then are the two the
    same site, and a session is seen in the console's frame.
    """
    url = request.app[ASSEMBLY].settings.sandbox_url
    if url is None:
        return None
    parts = urlsplit(url)
    if not is_this_machine(parts.hostname):
        return f"{parts.scheme}://{parts.netloc}"
    name = request.url.host or ""
    port = f":{parts.port}" if parts.port else ""
    # No other characters may get into the policy; an IPv6 address is not understood there.
    return f"{parts.scheme}://{name}{port}" if _NAME.fullmatch(name) else None
