"""What an HTTP operation is: a method, a path, a role and a handler whose hints say the rest."""

import datetime as dt
import inspect
import re
import types
import typing
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Annotated, Any, Final, Generic, Literal, TypeAlias, TypeVar

import attrs
import msgspec
from aiohttp import web

from clientflow_core.domain.roles import Principal, Role
from clientflow_core.errors import Unauthenticated

PathT = TypeVar("PathT")
QueryT = TypeVar("QueryT")
BodyT = TypeVar("BodyT")
T = TypeVar("T")

ANY_TYPE: Final = "*/*"
IDEMPOTENCY_KEY: Final = "Idempotency-Key"
IDEMPOTENT_REPLAYED: Final = "Idempotent-Replayed"
"""The header of an answer that was given before, under the same key."""
REQUEST_SECONDS: Final = 4.5
"""What is done for a request may take so long, and so may it take to find out who asks."""
LONG_SECONDS: Final = 14.0
"""Likewise, where a provider is asked meanwhile, or much is changed."""
_PLACEHOLDER: Final = re.compile(r"\{([^{}]*)\}")

Timestamp: TypeAlias = Annotated[dt.datetime, msgspec.Meta(tz=True)]
"""A datetime in a request or response. A bare ``datetime`` is refused: msgspec would publish it
as any string."""


@attrs.frozen(kw_only=True)
class Page(Generic[T]):
    """One page of a list.

    Attributes:
        data: the things, in the order that was asked for.
        has_more: whether more of them follow.
        next_cursor: what to give as ``starting_after`` for the page behind this one; null where
            nothing follows.
        url: the path of the list.
        object: says that this is a list.
    """

    data: list[T]
    has_more: bool
    url: str
    next_cursor: str | None = None
    object: Literal["list"] = "list"


@attrs.frozen(kw_only=True)
class ApiRequest(Generic[PathT, QueryT, BodyT]):
    """A request that has passed the published schemas.

    Attributes:
        path: what the path's placeholders hold; None where there are none.
        query: the query parameters; None where the operation has none.
        body: what the body says; None where the operation has none.
        raw: the request as aiohttp has it.
        caller: who asks; None only in a public operation.
    """

    path: PathT
    query: QueryT
    body: BodyT
    raw: web.Request
    caller: Principal | None = None

    @property
    def principal(self) -> Principal:
        """Who asks.

        Raises:
            Unauthenticated: nobody is known, since the operation is public.
        """
        if self.caller is None:
            msg = "nobody is signed in: send an API key as a bearer token"
            raise Unauthenticated(msg)
        return self.caller

    @property
    def idempotency_key(self) -> str | None:
        """What the caller sent to have the same request done only once, 1 to 255 characters."""
        return self.raw.headers.get(IDEMPOTENCY_KEY)


@attrs.frozen(kw_only=True)
class Reply(Generic[T]):
    """An answer with another status or with headers.

    Attributes:
        body: what is sent.
        status: the operation's own where it is None; else one of its ``other_statuses``.
        headers: sent beside the usual ones.
    """

    body: T
    status: int | None = None
    headers: Mapping[str, str] = attrs.field(factory=dict)


@attrs.frozen
class Link:
    """Where an answer leads on to: what is in it names something that another operation takes.

    Attributes:
        operation_id: the operation that it leads to.
        parameters: for each parameter of that operation a JSON pointer into the answer's body.
    """

    operation_id: str
    parameters: Mapping[str, str]


Answer: TypeAlias = attrs.AttrsInstance | Reply[Any] | web.StreamResponse | None
Handler: TypeAlias = Callable[[ApiRequest[Any, Any, Any]], Awaitable[Answer]]
Authenticate: TypeAlias = Callable[[web.Request], Awaitable[Principal]]
"""Finds out who asks; raises Unauthenticated."""


@attrs.frozen(kw_only=True)
class HandlerTypes:
    """What a handler's type hints say."""

    path: Any
    query: Any
    body: Any
    response: Any
    returns_nothing: bool


def read_types(handler: Handler) -> HandlerTypes:
    """Read what *handler* takes and gives from its hints.

    Raises:
        TypeError: they do not say so.
    """
    hints = typing.get_type_hints(handler, include_extras=True)
    name = getattr(handler, "__qualname__", repr(handler))
    parameter = next(iter(inspect.signature(handler).parameters), "")
    request = hints.get(parameter)
    if typing.get_origin(request) is not ApiRequest or "return" not in hints:
        msg = f"{name} must be hinted: async def (request: ApiRequest[Path, Query, Body]) -> Answer"
        raise TypeError(msg)
    path, query, body = (None if t is types.NoneType else t for t in typing.get_args(request))
    response = _response_type(hints["return"], name)
    for kind in (path, query, body, response):
        if kind is not None and not attrs.has(typing.get_origin(kind) or kind):
            msg = f"{name} takes or gives {kind!r}, which is not an attrs class"
            raise TypeError(msg)
    nothing = _bodies(hints["return"]) == {types.NoneType}
    return HandlerTypes(
        path=path, query=query, body=body, response=response, returns_nothing=nothing
    )


def _bodies(hint: Any) -> set[Any]:
    """Give what may be sent as a body by a handler with the return type *hint*."""
    is_union = typing.get_origin(hint) in (types.UnionType, typing.Union)
    members = typing.get_args(hint) if is_union else (hint,)
    return {typing.get_args(m)[0] if typing.get_origin(m) is Reply else m for m in members}


def _response_type(hint: Any, name: str) -> Any:
    found = [kind for kind in _bodies(hint) if not _is_untyped(kind)]
    if len(found) > 1:
        msg = f"{name} gives more than one type: {sorted(map(repr, found))}"
        raise TypeError(msg)
    return found[0] if found else None


def _is_untyped(kind: Any) -> bool:
    is_response = isinstance(kind, type) and issubclass(kind, web.StreamResponse)
    return kind is types.NoneType or is_response


def _first_line(handler: Handler) -> str:
    return (inspect.getdoc(handler) or "").partition("\n")[0].removesuffix(".")


@attrs.frozen(kw_only=True)
class Operation:
    """One HTTP operation. The types it takes and gives are those of its handler's hints.

    Attributes:
        method: such as ``POST``.
        path: such as ``/api/v1/contacts/{contact_id}``; placeholders are fields of the path type.
        role: who may call it, at least; there is no operation without one.
        for_operators: only who runs the service may call it, whatever their role.
        handler: ``async def (request: ApiRequest[Path, Query, Body]) -> Out``, with None for what
            it does not take. It may also give a :class:`Reply`, None, or an aiohttp response.
        tag: the chapter of the document.
        summary: one line; by default the first line of the handler's docstring.
        operation_id: its name in the document; by default that of the handler.
        status: that of success; by default 200, or 204 for a handler that gives None.
        other_statuses: further ones with the same body, such as 201 beside 200.
        errors: statuses of problems, besides those that follow from the rest.
        media_type: that of an aiohttp response, for the document.
        links: where its success leads on to.
        idempotent: whether it heeds the header ``Idempotency-Key``.
        foreign: whether it speaks somebody else's protocol (a provider's webhook): neither
            query nor body is read or checked before the handler.
        body_type: that of a foreign body, for the document; ``*/*`` need not have one.
        deadline_seconds: until the answer begins, without the time that its body takes to arrive;
            None where what it does has deadlines of its own.
    """

    method: str
    path: str
    role: Role
    handler: Handler
    tag: str
    types: HandlerTypes = attrs.field(
        init=False,
        repr=False,
        default=attrs.Factory(lambda self: read_types(self.handler), takes_self=True),
    )
    summary: str = attrs.Factory(lambda self: _first_line(self.handler), takes_self=True)
    operation_id: str = attrs.Factory(lambda self: self.handler.__name__, takes_self=True)
    status: int = attrs.Factory(
        lambda self: 204 if self.types.returns_nothing else 200, takes_self=True
    )
    other_statuses: tuple[int, ...] = ()
    errors: tuple[int, ...] = ()
    media_type: str | None = None
    links: tuple[Link, ...] = ()
    idempotent: bool = False
    foreign: bool = False
    body_type: str = ANY_TYPE
    for_operators: bool = False
    deadline_seconds: float | None = REQUEST_SECONDS

    def __attrs_post_init__(self) -> None:
        fields = set() if self.types.path is None else set(attrs.fields_dict(self.types.path))
        placeholders = _PLACEHOLDER.findall(self.path)
        if sorted(placeholders) != sorted(fields):
            msg = f"{self.operation_id}: {self.path} and its path type do not have the same fields"
            raise TypeError(msg)
        if self.foreign and (self.types.query or self.types.body):
            msg = f"{self.operation_id} is foreign: neither query nor body is read for it"
            raise TypeError(msg)

    @property
    def is_public(self) -> bool:
        """Whether nobody is asked who they are."""
        return self.role is Role.PUBLIC

    @property
    def statuses(self) -> tuple[int, ...]:
        """Every status of success."""
        return (self.status, *self.other_statuses)

    @property
    def error_statuses(self) -> list[int]:
        """Every status of a problem that is published by name, in order."""
        found = {500, *self.errors}
        if not self.is_public:
            # Whose key it is stands in the database, which may be away.
            found |= {401, 403, 429, 503}
        if self.types.body is not None:
            found |= {400, 413, 415, 422}
        if self.types.path is not None:
            found |= {404, 422}
        if self.idempotent:
            found |= {409, 422}
        if not self.foreign:
            found |= {422}
        return sorted(found)


def kinds_of(operations: Iterable[Operation]) -> list[Any]:
    """Give every type that *operations* take or give, in order, each once."""
    found = (
        kind
        for operation in operations
        for kind in (
            operation.types.path,
            operation.types.query,
            operation.types.body,
            operation.types.response,
        )
    )
    return list(dict.fromkeys(kind for kind in found if kind is not None))


def refuse_dead_links(operations: Sequence[Operation]) -> None:
    """Make sure that every link leads to an operation that has the parameters which it gives.

    Raises:
        ValueError: one does not.
    """
    known = {
        operation.operation_id: {
            name
            for kind in (operation.types.path, operation.types.query)
            if kind is not None
            for name in attrs.fields_dict(kind)
        }
        for operation in operations
    }
    for operation in operations:
        for link in operation.links:
            if (
                link.operation_id not in known
                or not set(link.parameters) <= known[link.operation_id]
            ):
                msg = f"{operation.operation_id} links to {link}, which is not there"
                raise ValueError(msg)


def refuse_duplicates(operations: Iterable[Operation]) -> None:
    """Make sure that no two operations have the same name, or the same method and path.

    Raises:
        ValueError: two do.
    """
    seen: set[object] = set()
    for operation in operations:
        shape = _PLACEHOLDER.sub("{}", operation.path)
        for mark in (operation.operation_id, (operation.method, shape)):
            if mark in seen:
                msg = f"there is more than one operation {mark}"
                raise ValueError(msg)
            seen.add(mark)
