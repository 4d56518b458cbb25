"""``/static/...``: the pages' own files, which a browser may keep for ever."""

from typing import Final

import attrs
from aiohttp import web

from clientflow_core.domain.roles import Role
from clientflow_core.errors import NotFound
from clientflow_host.openapi import ApiRequest, Operation
from clientflow_host.pages.rendering import STATIC, static_url

_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}


@attrs.frozen(kw_only=True)
class StaticPath:
    """Names a file, and by the digest what is in it."""

    digest: str
    name: str


async def read_file(request: ApiRequest[StaticPath, None, None]) -> web.StreamResponse:
    """Give a file of the pages."""
    name = request.path.name
    file = STATIC / name
    if file.parent != STATIC or not file.is_file() or static_url(name) != request.raw.path:
        msg = f"there is no file {request.raw.path}"
        raise NotFound(msg)
    headers = {
        "Content-Type": _TYPES[file.suffix],
        "Cache-Control": "public, max-age=31536000, immutable",
        "X-Content-Type-Options": "nosniff",
    }
    return web.FileResponse(file, headers=headers)


FILES: Final = Operation(
    method="GET",
    path="/static/{digest}/{name}",
    role=Role.PUBLIC,
    handler=read_file,
    tag="pages",
    operation_id="read_file",
)
