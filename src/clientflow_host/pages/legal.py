"""``/legal/...``: the terms and what belongs to them, to read and to take along."""

import asyncio
from typing import Final

import attrs
from aiohttp import web
from markupsafe import Markup

from clientflow_core.domain.roles import Role
from clientflow_host.assembly import ASSEMBLY
from clientflow_host.openapi import ApiRequest, Handler, Operation
from clientflow_host.pages.legal_texts import (
    fill_in,
    placeholders,
    read_text,
    sub_processors,
    to_html,
)
from clientflow_host.pages.rendering import render


@attrs.frozen(kw_only=True)
class LegalPage:
    """One of the legal pages.

    Attributes:
        slug: the last part of its path.
        title: for people.
        link: the same, as short as a footer needs it.
        description: for search engines.
    """

    slug: str
    title: str
    link: str
    description: str


PAGES: Final = (
    LegalPage(
        slug="terms",
        title="Terms of service",
        link="Terms",
        description="The terms under which this service is used: what you may expect, and what"
        " is expected of you.",
    ),
    LegalPage(
        slug="privacy",
        title="Privacy policy",
        link="Privacy",
        description="Which personal data this service keeps, why, for how long, who else is given"
        " it, and your rights.",
    ),
    LegalPage(
        slug="dpa",
        title="Data processing agreement",
        link="Data processing",
        description="How this service processes personal data on behalf of its customers, with"
        " the list of its sub-processors.",
    ),
    LegalPage(
        slug="cookies",
        title="Cookies",
        link="Cookies",
        description="Which cookies this service sets, what each is for, and how to change what"
        " you have agreed to.",
    ),
)


async def _filled_in(request: web.Request, page: LegalPage) -> str:
    assembly = request.app[ASSEMBLY]
    site = assembly.settings.site
    specs = (enabled.spec for enabled in assembly.registry.providers.values())
    text = await asyncio.to_thread(read_text, page.slug, folder=site.legal_dir)
    return fill_in(text, site=site, listed=sub_processors(specs, site))


def _show(page: LegalPage) -> Handler:
    async def show(request: ApiRequest[None, None, None]) -> web.Response:
        text = await _filled_in(request.raw, page)
        # Our own Markdown, or the operator's; HTML in it has become text.
        html = Markup(to_html(text))  # noqa: S704
        left = placeholders(text)
        return render(request.raw, "legal.html", legal=page, text=html, is_unfinished=bool(left))

    return show


def _download(page: LegalPage) -> Handler:
    async def download(request: ApiRequest[None, None, None]) -> web.Response:
        text = await _filled_in(request.raw, page)
        name = page.title.lower().replace(" ", "-")
        headers = {
            "Content-Disposition": f'attachment; filename="{name}.md"',
            "X-Content-Type-Options": "nosniff",
            "X-Robots-Tag": "noindex",
        }
        return web.Response(text=text, content_type="text/markdown", headers=headers)

    return download


def _operation(path: str, handler: Handler, *, name: str, media_type: str) -> Operation:
    return Operation(
        method="GET",
        path=path,
        role=Role.PUBLIC,
        handler=handler,
        tag="pages",
        operation_id=name,
        summary=name,
        media_type=media_type,
        foreign=True,
    )


OPERATIONS: Final = tuple(
    operation
    for page in PAGES
    for path in (f"/legal/{page.slug}",)
    for operation in (
        _operation(path, _show(page), name=f"show_{page.slug}", media_type="text/html"),
        _operation(
            f"{path}.md", _download(page), name=f"load_{page.slug}", media_type="text/markdown"
        ),
    )
)
