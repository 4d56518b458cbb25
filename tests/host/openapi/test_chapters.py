"""Operations that are imported when they are first asked for, and served as all others are."""

import sys
import textwrap
from pathlib import Path

import pytest
from aiohttp import web
from pytest_aiohttp.plugin import AiohttpClient

from clientflow_core.domain.roles import Role
from clientflow_host.openapi import (
    ApiRequest,
    Chapter,
    Operation,
    add_chapters,
    add_operations,
    chapter_of,
    load_all,
)
from tests.host.openapi.toy import Client, Echo, as_role, authenticate


async def say(request: ApiRequest[None, None, None]) -> Echo:
    """Say where this is."""
    resource = request.raw.match_info.route.resource
    return Echo(read=resource.canonical if resource else "")


def operation(method: str, path: str, role: Role = Role.PUBLIC) -> Operation:
    return Operation(
        method=method, path=path, role=role, handler=say, tag="t", operation_id=method + path
    )


class Shelf:
    """Three chapters beside an operation that is there at once; counts how often each is loaded."""

    def __init__(self) -> None:
        self.loaded: list[str] = []
        self.app = web.Application()
        chapters = [
            self.chapter(
                "things", ("/things", "/odds"), [("GET", "/things"), ("PUT", "/odds/end")]
            ),
            self.chapter("feeds", ("/things/feeds",), [("GET", "/things/feeds/new")]),
            self.chapter("rest", ("/",), [("GET", "/"), ("POST", "/at-once"), ("GET", "/else")]),
        ]
        add_operations(self.app, [operation("GET", "/at-once")], authenticate=authenticate)
        add_chapters(self.app, chapters, authenticate=authenticate)

    def chapter(self, name: str, paths: tuple[str, ...], has: list[tuple[str, str]]) -> Chapter:
        def load() -> list[Operation]:
            self.loaded.append(name)
            return [operation(method, path) for method, path in has]

        return Chapter(paths=paths, load=load)


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
async def client(shelf: Shelf, aiohttp_client: AiohttpClient) -> Client:
    return await aiohttp_client(shelf.app)


async def test_nothing_is_loaded_for_what_is_there_at_once(client: Client, shelf: Shelf) -> None:
    assert (await client.get("/at-once")).status == 200
    assert shelf.loaded == []


@pytest.mark.parametrize(
    ("method", "path", "loaded"),
    [
        ("GET", "/things", ["things"]),
        ("HEAD", "/things", ["things"]),
        ("PUT", "/odds/end", ["things"]),
        ("GET", "/things/feeds/new", ["feeds"]),
        ("GET", "/", ["rest"]),
        ("GET", "/else", ["rest"]),
        # The path is known, so that the last is asked for another method of it.
        ("POST", "/at-once", ["rest"]),
    ],
)
async def test_first_request_loads_its_chapter_alone_and_the_second_nothing(
    client: Client, shelf: Shelf, method: str, path: str, loaded: list[str]
) -> None:
    for _ in range(2):
        answer = await client.request(method, path)
        assert answer.status == 200
        assert await answer.read() == (
            b"" if method == "HEAD" else b'{"read":"%b"}' % path.encode()
        )
        assert shelf.loaded == loaded


async def test_what_no_chapter_has_is_not_there(client: Client) -> None:
    for path in ("/nothing", "/things/nothing", "/things/feeds", "/odds", "/thingsnot"):
        assert (await client.get(path)).status == 404, path


async def test_methods_that_are_allowed_are_told_of_all_chapters(client: Client) -> None:
    answer = await client.delete("/things")
    assert (answer.status, answer.headers["Allow"]) == (405, "GET,HEAD")
    answer = await client.delete("/at-once")
    assert (answer.status, answer.headers["Allow"]) == (405, "GET,HEAD,POST")


async def test_role_is_needed_as_for_any_other(aiohttp_client: AiohttpClient) -> None:
    app = web.Application()
    found = [operation("GET", "/a", Role.ADMIN)]
    add_chapters(app, [Chapter(paths=("/a",), load=lambda: found)], authenticate=authenticate)
    client: Client = await aiohttp_client(app)
    assert (await client.get("/a", headers=as_role(Role.ADMIN))).status == 200


def test_routes_of_chapters_are_among_those_of_the_application(shelf: Shelf) -> None:
    routes = {(r.method, r.resource.canonical) for r in shelf.app.router.routes() if r.resource}
    assert {("PUT", "/odds/end"), ("GET", "/things/feeds/new"), ("POST", "/at-once")} <= routes


def test_modules_are_imported_in_order_when_the_chapter_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "novel"
    package.mkdir()
    (package / "__init__.py").touch()
    for name in ("one", "two"):
        source = f"""
            from tests.host.openapi.test_chapters import operation
            OPERATIONS = (operation("GET", "/{name}"),)
        """
        (package / f"{name}.py").write_text(textwrap.dedent(source))
    monkeypatch.syspath_prepend(tmp_path)
    chapter = chapter_of("novel", modules=("two", "one"), paths=("/one", "/two"))
    assert "novel" not in sys.modules
    assert [found.path for found in load_all([chapter])] == ["/two", "/one"]
    for name in ("novel", "novel.one", "novel.two"):
        del sys.modules[name]
