"""``/static/...``: the pages' own files, which a browser may keep for ever."""

from typing import Final

import attrs
from aiohttp import web

from clientflow_core.domain.roles import Role
from clientflow_core.errors import NotFound
from clientflow_host.openapi import ApiRequest, Operation
from clientflow_host.pages.assets import find_file


@attrs.frozen(kw_only=True)
class StaticPath:
    """Names a file, and by the digest what is in it."""

    digest: str
    name: str


async def read_file(request: ApiRequest[StaticPath, None, None]) -> web.StreamResponse:
    """Give a file of the pages."""
    response = await find_file(request.raw, name=request.path.name)
    if response is None:
        msg = f"there is no file {request.raw.path}"
        raise NotFound(msg)
    return response


OPERATIONS: Final = (
    Operation(
        method="GET",
        path="/static/{digest}/{name}",
        role=Role.PUBLIC,
        handler=read_file,
        tag="pages",
        operation_id="read_file",
    ),
)
