"""Reading requests: parsed, held against the published schema, then structured."""

import functools
from typing import Any, Final

import attrs
from aiohttp import web

from clientflow_core.domain.roles import Principal
from clientflow_host.openapi.bodies import Body
from clientflow_host.openapi.operations import IDEMPOTENCY_KEY, ApiRequest, Operation
from clientflow_host.openapi.parameters import (
    Parameters,
    header_pairs,
    path_pairs,
    query_pairs,
)
from clientflow_host.openapi.schemas import Schema, Schemas

IDEMPOTENCY_KEY_SCHEMA: Final[Schema] = {
    "type": "string",
    "minLength": 1,
    "maxLength": 255,
    "pattern": "^[!-~]*$",
}


@attrs.frozen
class RequestReader:
    """Reads the requests of one operation.

    Attributes:
        query, body, idempotency_key: None where they are not looked at.
    """

    path: Parameters
    query: Parameters | None
    body: Body | None
    idempotency_key: Parameters | None

    @classmethod
    def of(cls, operation: Operation, schemas: Schemas) -> "RequestReader":
        """Make that of *operation*; the validators are compiled here, once.

        Raises:
            TypeError: something in its types cannot be read from a request.
        """
        types = operation.types
        return cls(
            path=_parameters(types.path, schemas),
            query=None if operation.foreign else _parameters(types.query, schemas),
            body=None if types.body is None else _body(types.body, schemas),
            idempotency_key=_idempotency_key(schemas) if operation.idempotent else None,
        )

    async def read(
        self, request: web.Request, *, caller: Principal | None
    ) -> ApiRequest[Any, Any, Any]:
        """Read *request*; what is not published is refused.

        Raises:
            HttpProblem: the body is not JSON in UTF-8 by its own account.
            BadPayload: nor in fact.
            InvalidInput: the path, the query, the key or the body does not fit its schema.
            aiohttp.web.HTTPRequestEntityTooLarge: the body is longer than the application takes.
        """
        # A path without placeholders matched as a whole.
        path = self.path.read(path_pairs(request)) if request.match_info else None
        query = self.query.read(query_pairs(request)) if self.query else None
        if self.idempotency_key:
            self.idempotency_key.read(header_pairs(request, IDEMPOTENCY_KEY))
        body = await self.body.read(request) if self.body else None
        return ApiRequest(path=path, query=query, body=body, raw=request, caller=caller)


# Many operations take the same, and compiled schemas are the larger part of an application.
@functools.lru_cache(maxsize=1024)
def _parameters(kind: Any, schemas: Schemas) -> Parameters:
    return Parameters.of(kind, schemas)


@functools.lru_cache(maxsize=1024)
def _body(kind: Any, schemas: Schemas) -> Body:
    return Body.of(kind, schemas)


@functools.lru_cache(maxsize=16)
def _idempotency_key(schemas: Schemas) -> Parameters:
    properties: Schema = {IDEMPOTENCY_KEY: IDEMPOTENCY_KEY_SCHEMA}
    return Parameters.from_schema({"type": "object", "properties": properties}, schemas)
