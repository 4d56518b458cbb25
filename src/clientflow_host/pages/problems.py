"""``/problems``: what each code of an error means and what to do, for people and for programs.

The ``type`` of every problem names one of these pages.
"""

from http import HTTPStatus
from itertools import groupby
from operator import attrgetter
from typing import Any, Final

import attrs
from aiohttp import hdrs, web

from clientflow_core.domain.roles import Role
from clientflow_core.errors import NotFound
from clientflow_host.openapi import (
    ApiRequest,
    Operation,
    ProblemKind,
    Section,
    find_problem_kind,
    problem_kinds,
)
from clientflow_host.pages.rendering import render

_PATH: Final = "/problems"
_ORDER: Final = tuple(Section)
# The same address gives either, and a cache must not mix them up.
_VARIES: Final = {hdrs.VARY: hdrs.ACCEPT}


@attrs.frozen(kw_only=True)
class ProblemPath:
    """Names a kind of problem."""

    code: str


async def show_problems(request: ApiRequest[None, None, None]) -> web.Response:
    """Show every kind of problem."""
    if _wants_json(request.raw):
        kinds = [_to_json(kind) for kind in problem_kinds().values()]
        listed = {"object": "list", "data": kinds, "has_more": False, "url": _PATH}
        return web.json_response(listed, headers=_VARIES)
    return _show_all(request.raw)


async def show_problem(request: ApiRequest[ProblemPath, None, None]) -> web.Response:
    """Show a kind of problem; of a code that nobody knows, those that there are."""
    code = request.path.code
    kind = find_problem_kind(code)
    if _wants_json(request.raw):
        if kind is None:
            msg = f"there is no problem {code!r}; {_PATH} lists all"
            raise NotFound(msg)
        return web.json_response(_to_json(kind), headers=_VARIES)
    if kind is None:
        return _show_all(request.raw, unknown=code)
    response = render(request.raw, "problem.html", kind=kind)
    response.headers.update(_VARIES)
    return response


def _show_all(request: web.Request, *, unknown: str | None = None) -> web.Response:
    kinds = sorted(
        problem_kinds().values(), key=lambda kind: (_ORDER.index(kind.section), kind.status)
    )
    response = render(
        request,
        "problems.html",
        status=HTTPStatus.NOT_FOUND if unknown else HTTPStatus.OK,
        unknown=unknown,
        sections=[(name, list(found)) for name, found in groupby(kinds, key=attrgetter("section"))],
    )
    response.headers.update(_VARIES)
    return response


def _wants_json(request: web.Request) -> bool:
    accepted = request.headers.get(hdrs.ACCEPT, "")
    return "json" in accepted and "text/html" not in accepted


def _to_json(kind: ProblemKind) -> dict[str, Any]:
    return {
        "type": f"{_PATH}/{kind.code}",
        "code": kind.code,
        "title": kind.title,
        "status": kind.status,
        "meaning": kind.meaning,
        "remedy": kind.remedy,
    }


OPERATIONS: Final = (
    Operation(
        method="GET",
        path=_PATH,
        role=Role.PUBLIC,
        handler=show_problems,
        tag="pages",
        media_type="text/html",
    ),
    Operation(
        method="GET",
        path=f"{_PATH}/{{code}}",
        role=Role.PUBLIC,
        handler=show_problem,
        tag="pages",
        media_type="text/html",
    ),
)
