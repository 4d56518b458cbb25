"""An address of a plugin's own in the API, published and enforced as ours are."""

import inspect
import re
import types
import typing
import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Generic, Literal, TypeVar

import attrs

from clientflow_core.contributions.checking import is_async, is_deadline
from clientflow_core.contributions.context import Asking, PluginContext
from clientflow_core.domain.roles import Principal, Role
from clientflow_core.errors import Unauthenticated

PathT = TypeVar("PathT")
QueryT = TypeVar("QueryT")
BodyT = TypeVar("BodyT")

_PATH: Final = r"(/([a-z0-9_-]+|\{[a-z_]+\}))+"
_FORM: Final = "async def (request: RouteRequest[Path, Query, Body]) -> Answer"
_PLACEHOLDER: Final = re.compile(r"\{([a-z_]+)\}")


@attrs.frozen(kw_only=True)
class RouteRequest(Generic[PathT, QueryT, BodyT]):
    """A request that has passed the published schemas.

    Attributes:
        path: what the path's placeholders hold; None where there are none.
        query: the query parameters; None where the route has none.
        body: what the body says; None where the route has none.
        caller: who asks; None only on a public route.
        context: what the plugin works with.
    """

    path: PathT
    query: QueryT
    body: BodyT
    caller: Principal | None
    context: PluginContext
    _asking: Asking = attrs.field(alias="asking", repr=False)

    @property
    def principal(self) -> Principal:
        """Who asks.

        Raises:
            Unauthenticated: nobody is known, since the route is public.
        """
        if self.caller is None:
            msg = "nobody is signed in: send an API key as a bearer token"
            raise Unauthenticated(msg)
        return self.caller

    @property
    def organization_id(self) -> uuid.UUID:
        """For whom they ask.

        Raises:
            Unauthenticated: nobody is known, since the route is public.
        """
        return self.principal.organization_id

    def enqueue(
        self, name: str, args: Mapping[str, str] | None = None, *, delay_seconds: float = 0
    ) -> None:
        """Ask for a job of this plugin, for the caller's organization, if the request ends well.

        Args:
            name: of its ``JobSpec``.
            args: ids and codes, each at most 200 characters.
            delay_seconds: how long it waits first.

        Raises:
            Unauthenticated: nobody is known, since the route is public.
            LookupError: the plugin brings no such job.
            ValueError: an argument is no short text.
        """
        _ = self.organization_id
        self._asking.ask(name, args, delay_seconds=delay_seconds)


RouteHandler = Callable[[RouteRequest[Any, Any, Any]], Awaitable[attrs.AttrsInstance | None]]


@attrs.frozen(kw_only=True)
class RouteTypes:
    """What a handler's type hints say."""

    path: Any
    query: Any
    body: Any
    answer: Any


@attrs.frozen(kw_only=True)
class RouteSpec:
    """An operation below ``/api/v1/x/{plugin}``. There is none without a role.

    Attributes:
        method: GET, POST, PUT, PATCH or DELETE.
        path: begins with a slash; its placeholders, such as ``{order_id}``, are the fields of the
            path type.
        role: who may call it, at least.
        handle: its hints say what is taken and given: attrs classes, None for what there is not.
            The first line of its docstring is published. Its name, behind the plugin's, names the
            operation.
        deadline_seconds: a request that takes longer is answered 503; at most 60.
    """

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = attrs.field(
        validator=attrs.validators.in_(("GET", "POST", "PUT", "PATCH", "DELETE"))
    )
    path: str = attrs.field(validator=attrs.validators.matches_re(_PATH))
    role: Role = attrs.field(converter=Role)
    handle: RouteHandler = attrs.field(validator=is_async)
    deadline_seconds: float = attrs.field(default=20.0, validator=is_deadline(60.0))
    types: RouteTypes = attrs.field(
        init=False,
        repr=False,
        eq=False,
        default=attrs.Factory(lambda self: _read_types(self.handle), takes_self=True),
    )

    def __attrs_post_init__(self) -> None:
        fields = set() if self.types.path is None else set(attrs.fields_dict(self.types.path))
        if sorted(_PLACEHOLDER.findall(self.path)) != sorted(fields):
            msg = f"{self.path} and the path type of {self.name} do not have the same fields"
            raise TypeError(msg)
        if self.method == "GET" and self.types.body is not None:
            msg = f"{self.name} is asked with GET, which has no body"
            raise TypeError(msg)

    @property
    def name(self) -> str:
        """What its handler is called."""
        return getattr(self.handle, "__name__", "")


def shape_of(path: str) -> str:
    """Give *path* without the names of its placeholders: equal ones would hide each other."""
    return _PLACEHOLDER.sub("{}", path)


def operation_name(plugin: str, route: str) -> str:
    """Name the operation of a plugin's route in the API's document."""
    return f"{plugin}_{route}".replace("-", "_")


def _read_types(handle: RouteHandler) -> RouteTypes:
    """Read what *handle* takes and gives from its hints.

    Raises:
        TypeError: they do not say so, or its docstring says nothing.
    """
    name = getattr(handle, "__qualname__", repr(handle))
    if not inspect.getdoc(handle):
        msg = f"{name} needs a docstring: its first line is published"
        raise TypeError(msg)
    hints = typing.get_type_hints(handle, include_extras=True)
    parameter = next(iter(inspect.signature(handle).parameters), "")
    request = hints.get(parameter)
    if typing.get_origin(request) is not RouteRequest or "return" not in hints:
        msg = f"{name} must be hinted: {_FORM}"
        raise TypeError(msg)
    path, query, body = (_or_none(kind) for kind in typing.get_args(request))
    answer = _or_none(hints["return"])
    for kind in (path, query, body, answer):
        if kind is not None and not attrs.has(typing.get_origin(kind) or kind):
            msg = f"{name} takes or gives {kind!r}, which is not an attrs class"
            raise TypeError(msg)
    return RouteTypes(path=path, query=query, body=body, answer=answer)


def _or_none(kind: Any) -> Any:
    return None if kind is types.NoneType else kind
