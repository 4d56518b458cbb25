"""Operations that are imported when one of them is first asked for.

A process that has just begun is asked for few of all that there are, and to import every one of
them took a fifth of its start.
"""

import functools
import importlib
from collections.abc import Callable, Iterable, Iterator

import attrs
from aiohttp import web
from typing_extensions import override

from clientflow_host.openapi.operations import Authenticate, Operation
from clientflow_host.openapi.routing import route_operations


@attrs.frozen(kw_only=True)
class Chapter:
    """Operations that are imported together.

    Attributes:
        paths: without placeholders; each operation is at one of them, or below. ``/`` takes what
            nothing else does.
        load: imports and gives them. The first request for one waits for it, and so does whatever
            else the process has to do: 3 to 50 ms.
    """

    paths: tuple[str, ...]
    load: Callable[[], list[Operation]]


def chapter_of(package: str, *, modules: tuple[str, ...], paths: tuple[str, ...]) -> Chapter:
    """Give the chapter of what *modules* of *package* have in their ``OPERATIONS``."""

    def load() -> list[Operation]:
        imported = (importlib.import_module(f"{package}.{name}") for name in modules)
        return [operation for module in imported for operation in module.OPERATIONS]

    return Chapter(paths=paths, load=load)


def load_all(chapters: Iterable[Chapter]) -> list[Operation]:
    """Import the operations of all *chapters*."""
    return [operation for chapter in chapters for operation in chapter.load()]


def add_chapters(
    app: web.Application, chapters: Iterable[Chapter], *, authenticate: Authenticate
) -> None:
    """Serve the operations of *chapters* in *app*, each when it is first asked for.

    Args:
        app: not yet started.
        chapters: of different paths.
        authenticate: finds out who asks; not called for public operations.
    """
    for chapter in chapters:
        routes = functools.cache(functools.partial(_routes, chapter, authenticate=authenticate))
        for path in chapter.paths:
            app.router.register_resource(_Below(path, routes))


def _routes(chapter: Chapter, *, authenticate: Authenticate) -> web.UrlDispatcher:
    router = web.UrlDispatcher()
    route_operations(router, chapter.load(), authenticate=authenticate)
    return router


class _Below(web.PlainResource):
    """A path of a chapter, and all below it."""

    def __init__(self, path: str, chapter: Callable[[], web.UrlDispatcher]) -> None:
        super().__init__(path)
        self._chapter = chapter

    @override
    async def resolve(
        self, request: web.Request
    ) -> tuple[web.UrlMappingMatchInfo | None, set[str]]:
        found = await self._chapter().resolve(request)
        if found.http_exception is None:
            return found, set()
        if isinstance(found.http_exception, web.HTTPMethodNotAllowed):
            return None, found.http_exception.allowed_methods
        return None, set()

    @override
    def __len__(self) -> int:
        return len(list(self))

    @override
    def __iter__(self) -> Iterator[web.ResourceRoute]:
        routes = self._chapter().routes()
        return (route for route in routes if isinstance(route, web.ResourceRoute))
