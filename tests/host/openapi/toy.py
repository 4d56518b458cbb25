"""A toy API with one operation for each thing that operations can do."""

import contextlib
import datetime as dt
import enum
import uuid
from collections.abc import AsyncIterator, Mapping
from typing import Annotated, Any, Final

import attrs
from aiohttp import web
from aiohttp.test_utils import TestClient
from msgspec import UNSET, Meta, UnsetType

from clientflow_core.domain.roles import Principal, Role
from clientflow_core.errors import NotFound, Unauthenticated
from clientflow_host.middleware.problems import answer_problems
from clientflow_host.openapi import (
    ApiRequest,
    Link,
    Operation,
    Page,
    Reply,
    Timestamp,
    add_operations,
    read_bytes,
)

ORGANIZATION: Final = uuid.UUID("0198f0a0-0000-7000-8000-00000000000a")
THING: Final = uuid.UUID("0198f0a0-1111-7000-8000-000000000001")
MADE_AT: Final = dt.datetime(2026, 3, 1, 12, 30, tzinfo=dt.UTC)
CLIENT_MAX_SIZE: Final = 64 * 1024

Client = TestClient[web.Request, web.Application]
Name = Annotated[str, Meta(min_length=1, max_length=20)]


class Color(enum.StrEnum):
    """What things look like."""

    RED = "red"
    BLUE = "blue"


class Size(enum.IntEnum):
    """How big they are."""

    SMALL = 1
    BIG = 2


@attrs.frozen(kw_only=True)
class Span:
    """A time between two others."""

    begins_at: Timestamp
    ends_at: Timestamp

    def __attrs_post_init__(self) -> None:
        if self.ends_at < self.begins_at:
            msg = "it ends before it begins"
            raise ValueError(msg)


@attrs.frozen(kw_only=True)
class NewThing:
    """A thing to make."""

    name: Name
    count: Annotated[int, Meta(ge=1, description="how many there are")]
    weight: float | None = None
    color: Color | None = None
    size: Size = Size.SMALL
    day: dt.date | None = None
    note: str | UnsetType = UNSET
    spans: list[Span] = attrs.field(factory=list)
    labels: dict[str, Name] = attrs.field(factory=dict)
    seal: bytes | None = None
    anything: Any = None


@attrs.frozen(kw_only=True)
class Thing:
    """A thing."""

    id: uuid.UUID
    name: str
    made_at: Timestamp
    color: Color | None
    size: Size
    corners: tuple[int, int]
    words: tuple[str, ...]


@attrs.frozen(kw_only=True)
class ThingPath:
    """Names a thing."""

    thing_id: uuid.UUID


@attrs.frozen(kw_only=True)
class ThingsQuery:
    """Which things."""

    limit: Annotated[int, Meta(ge=1, le=100, description="how many at most")] = 20
    tag: list[Name] = attrs.field(factory=list)
    number: list[int] = attrs.field(factory=list)
    since: Timestamp | None = None
    until: Timestamp | None = None
    color: Color | None = None
    size: Size | None = None
    ratio: float | None = None
    exact: bool = False

    def __attrs_post_init__(self) -> None:
        if self.since and self.until and self.until < self.since:
            msg = "until is before since"
            raise ValueError(msg)


@attrs.frozen(kw_only=True)
class Echo:
    """What a request was read as."""

    read: str


def make_thing(**changes: object) -> Thing:
    values: dict[str, object] = {
        "id": THING,
        "name": "one",
        "made_at": MADE_AT,
        "color": Color.RED,
        "size": Size.BIG,
        "corners": (1, 2),
        "words": ("a", "b"),
    }
    return Thing(**{**values, **changes})  # type: ignore[arg-type]  # the test says which


async def list_things(request: ApiRequest[None, ThingsQuery, None]) -> Page[Thing]:
    """List things.

    The newest first.
    """
    return Page(data=[make_thing(name=repr(request.query))], has_more=False, url="/things")


async def make(request: ApiRequest[None, None, NewThing]) -> Reply[Thing]:
    """Make a thing, or give the one that was made with this key."""
    if request.idempotency_key == "again":
        return Reply(body=make_thing(name=request.body.name), status=200)
    headers = {"Location": f"/things/{THING}"}
    return Reply(body=make_thing(name=repr(request.body)), headers=headers)


async def read(request: ApiRequest[ThingPath, None, None]) -> Thing | None:
    """Read a thing."""
    if request.path.thing_id == ORGANIZATION:
        return None
    if request.path.thing_id != THING:
        msg = f"there is no thing {request.path.thing_id}"
        raise NotFound(msg)
    return make_thing(name=str(request.principal.role))


async def drop(request: ApiRequest[ThingPath, None, None]) -> None:
    """Drop a thing."""


async def hook(request: ApiRequest[None, None, None]) -> web.Response:
    """Take what somebody else sends."""
    raw = await read_bytes(request.raw, max_bytes=100)
    return web.Response(text=f"<ok>{len(raw)}</ok>", content_type="text/xml")


async def follow(request: ApiRequest[None, None, None]) -> web.StreamResponse:
    """Follow what happens."""
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request.raw)
    await response.write(b"data: 1\n\n")
    return response


async def whoami(request: ApiRequest[None, None, None]) -> Echo:
    """Say who asks, of which a public operation knows nothing."""
    return Echo(read=str(request.principal))


async def misbehave(request: ApiRequest[None, None, None]) -> Reply[Echo]:
    """Answer with a status that is not published."""
    return Reply(body=Echo(read=""), status=418)


OPERATIONS: Final = (
    Operation(method="GET", path="/things", role=Role.VIEWER, handler=list_things, tag="things"),
    Operation(
        method="POST",
        path="/things",
        role=Role.MEMBER,
        handler=make,
        tag="things",
        operation_id="make_thing",
        status=201,
        other_statuses=(200,),
        errors=(429,),
        links=(Link("read", {"thing_id": "/id"}),),
        idempotent=True,
    ),
    Operation(
        method="GET",
        path="/things/{thing_id}",
        role=Role.VIEWER,
        handler=read,
        tag="things",
        other_statuses=(204,),
    ),
    Operation(
        method="DELETE", path="/things/{thing_id}", role=Role.ADMIN, handler=drop, tag="things"
    ),
    Operation(
        method="POST",
        path="/hooks/toy",
        role=Role.PUBLIC,
        handler=hook,
        tag="hooks",
        media_type="text/xml",
        errors=(408, 413),
        foreign=True,
    ),
    Operation(
        method="GET",
        path="/stream",
        role=Role.PUBLIC,
        handler=follow,
        tag="stream",
        media_type="text/event-stream",
    ),
    Operation(method="GET", path="/whoami", role=Role.PUBLIC, handler=whoami, tag="stream"),
    Operation(
        method="GET",
        path="/misbehave",
        role=Role.PUBLIC,
        handler=misbehave,
        tag="stream",
        summary="Misbehave",
        media_type="application/x-ndjson",
    ),
)


async def authenticate(request: web.Request) -> Principal:
    """Take the role's own name for a key."""
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    if scheme != "Bearer" or key not in set(Role):
        msg = "send an API key as a bearer token"
        raise Unauthenticated(msg)
    return Principal(organization_id=ORGANIZATION, role=Role(key))


def make_app() -> web.Application:
    app = web.Application(client_max_size=CLIENT_MAX_SIZE)
    answer_problems(app)
    add_operations(app, OPERATIONS, authenticate=authenticate)
    return app


@contextlib.asynccontextmanager
async def serving(app: web.Application) -> AsyncIterator[int]:
    """Serve *app* as the host does, and give its port.

    aiohttp's own test server cancels a handler whose caller hangs up; the host does not.
    """
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield runner.addresses[0][1]
    await runner.cleanup()


def as_role(role: Role, headers: Mapping[str, str] | None = None) -> dict[str, str]:
    """Give the headers of a request by somebody with this role."""
    return {"Authorization": f"Bearer {role}", **(headers or {})}
