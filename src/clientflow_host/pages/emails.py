"""What else there is to an e-mail than its text: its HTML, cleaned, and its files."""

from typing import Final

import attrs
from aiohttp import web

from clientflow_core.domain.roles import Role
from clientflow_core.errors import NotFound
from clientflow_core.ids import IdPrefix, from_public_id
from clientflow_core.persistence.repositories.messages import read_message
from clientflow_host.assembly import ASSEMBLY
from clientflow_host.openapi import ApiRequest, Operation
from clientflow_host.pages.templating import page_headers
from clientflow_host.routes.attachments import download

# A page of nobody: it runs nothing, fetches nothing, and is not of our origin.
_POLICY: Final = "default-src 'none'; sandbox allow-popups allow-popups-to-escape-sandbox"


@attrs.frozen(kw_only=True)
class EmailPath:
    """Names an e-mail."""

    message_id: str


async def show_html(request: ApiRequest[EmailPath, None, None]) -> web.Response:
    """Show the HTML of an e-mail."""
    message_id = from_public_id(IdPrefix.MESSAGE, request.path.message_id)
    database = request.raw.app[ASSEMBLY].database
    async with database.organization(request.principal.organization_id) as transaction:
        message = await read_message(transaction, message_id)
    if message.email is None or message.email.html is None:
        msg = "this message has no HTML"
        raise NotFound(msg)
    text = f"<!doctype html><meta charset=utf-8><title>E-mail</title>{message.email.html}"
    headers = {**page_headers(), "Content-Security-Policy": _POLICY}
    return web.Response(text=text, content_type="text/html", headers=headers)


OPERATIONS: Final = (
    Operation(
        method="GET",
        path="/emails/{message_id}",
        role=Role.VIEWER,
        handler=show_html,
        tag="pages",
        media_type="text/html",
    ),
    Operation(
        method="GET",
        path="/attachments/{attachment_id}",
        role=Role.VIEWER,
        handler=download,
        tag="pages",
        media_type="application/octet-stream",
    ),
)
