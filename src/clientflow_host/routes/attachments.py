"""``/api/v1/attachments``: the files that came with e-mails."""

from http import HTTPStatus
from typing import Final
from urllib.parse import quote

import attrs
from aiohttp import web

from clientflow_core.domain.roles import Role
from clientflow_core.ids import IdPrefix, from_public_id
from clientflow_core.persistence.repositories.attachments import read_attachment
from clientflow_host.assembly import ASSEMBLY
from clientflow_host.openapi import ApiRequest, Operation
from clientflow_host.routes.views import AttachmentIdInPath

# Whatever a stranger has sent: it is saved, and never opened as a page of ours.
_AS_A_FILE: Final = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
}


@attrs.frozen(kw_only=True)
class AttachmentPath:
    """Names a file."""

    attachment_id: AttachmentIdInPath


async def download(request: ApiRequest[AttachmentPath, None, None]) -> web.Response:
    """Read what is in a file."""
    attachment_id = from_public_id(IdPrefix.ATTACHMENT, request.path.attachment_id)
    database = request.raw.app[ASSEMBLY].database
    async with database.organization(request.principal.organization_id) as transaction:
        file = await read_attachment(transaction, attachment_id)
    named = f"attachment; filename*=UTF-8''{quote(file.name, safe='')}"
    return web.Response(
        body=file.content,
        content_type="application/octet-stream",
        headers={**_AS_A_FILE, "Content-Disposition": named},
        status=HTTPStatus.OK,
    )


OPERATIONS: Final = (
    Operation(
        method="GET",
        path="/api/v1/attachments/{attachment_id}",
        role=Role.VIEWER,
        handler=download,
        tag="messages",
        operation_id="download_attachment",
        media_type="application/octet-stream",
    ),
)
