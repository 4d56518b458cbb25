"""The JSON body of a request."""

from typing import Any, Final

import attrs
import jsonschema_rs
import orjson
from aiohttp import web

from clientflow_core.errors import BadPayload, InvalidInput
from clientflow_host.openapi.problems import HttpProblem
from clientflow_host.openapi.schemas import Schemas
from clientflow_host.openapi.structuring import require_structurable, structure
from clientflow_host.openapi.validating import (
    Broken,
    explain,
    find_nul,
    make_validator,
    to_field_errors,
)

JSON_MEDIA_TYPE: Final = "application/json"

_UTF_8: Final = frozenset({"utf-8", "utf8"})
# The validator finds every broken rule or none, ten microseconds each: a megabyte took seconds.
_EXPLAINED_BYTES: Final = 16 * 1024


@attrs.frozen
class Body:
    """The JSON body of an operation."""

    kind: Any
    validator: jsonschema_rs.Draft202012Validator

    @classmethod
    def of(cls, kind: Any, schemas: Schemas) -> "Body":
        """Make that of an attrs class.

        Raises:
            TypeError: something in it can be published, but not read.
        """
        require_structurable(kind)
        return cls(kind, make_validator(schemas.standalone(schemas.roots[kind])))

    async def read(self, request: web.Request) -> Any:
        """Read the body of *request*.

        Raises:
            HttpProblem: 415, it does not say that it is JSON in UTF-8.
            BadPayload: it is not.
            InvalidInput: it does not fit the schema.
            aiohttp.web.HTTPRequestEntityTooLarge: it is longer than the application takes.
        """
        _require_json(request)
        return self.parse(await read_bytes(request))

    def parse(self, raw: bytes) -> Any:
        """Make an instance of the type out of JSON.

        Raises:
            BadPayload: it is not JSON in UTF-8.
            InvalidInput: it does not fit the schema.
        """
        document = parse_json(raw)
        broken = self._find_broken(raw, document)
        if broken:
            msg = "the body breaks a rule"
            raise InvalidInput(msg, to_field_errors(broken))
        return structure(document, self.kind)

    def _find_broken(self, raw: bytes, document: Any) -> list[Broken]:
        broken: list[Broken] = [*find_nul(document)] if b"\\u0000" in raw else []
        if self.validator.is_valid(document):
            return broken
        if len(raw) > _EXPLAINED_BYTES:
            return [*broken, ([], "the value does not fit the schema; send less to be told where")]
        return [*explain(self.validator.iter_errors(document)), *broken]


async def read_bytes(request: web.Request, *, max_bytes: int | None = None) -> bytes:
    """Read the body of *request*, never more than is allowed.

    Args:
        request: not read before.
        max_bytes: the most, after decompression; by default what the application takes.

    Raises:
        BadPayload: it cannot be decompressed, or the connection ended before it did.
        aiohttp.web.HTTPRequestEntityTooLarge: it is longer.
    """
    if max_bytes not in (None, request.client_max_size):
        request = request.clone(client_max_size=max_bytes)
    length = request.content_length
    if length is not None and 0 < request.client_max_size < length:
        raise web.HTTPRequestEntityTooLarge(request.client_max_size, length)
    try:
        return await request.read()
    except web.RequestPayloadError as error:
        msg = "the body is not encoded as its Content-Encoding says"
        raise BadPayload(msg) from error
    except ConnectionResetError as error:
        # Nobody is there to hear it; but it is no failure of ours either.
        msg = "the connection ended before the body did"
        raise BadPayload(msg) from error


def parse_json(raw: bytes) -> Any:
    """Read JSON.

    Raises:
        BadPayload: it is not UTF-8, or no JSON; the message says where.
    """
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        try:
            raw.decode()
        except UnicodeDecodeError as cause:
            msg = f"the body is not UTF-8 at byte {cause.start}"
            raise BadPayload(msg) from cause
        msg = f"the body is not JSON at line {error.lineno}, column {error.colno}: {error.msg}"
        raise BadPayload(msg) from error


def _require_json(request: web.Request) -> None:
    charset = (request.charset or "utf-8").lower()
    if request.content_type == JSON_MEDIA_TYPE and charset in _UTF_8:
        return
    detail = f"send the body as {JSON_MEDIA_TYPE}, in UTF-8"
    raise HttpProblem(415, "unsupported_media_type", detail, headers={"Accept": JSON_MEDIA_TYPE})
