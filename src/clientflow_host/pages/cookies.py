"""Which cookies a visitor agrees to: the necessary ones, until they say otherwise."""

import enum
import secrets
from http import HTTPStatus
from typing import Final

from aiohttp import web

from clientflow_core.domain.roles import Role
from clientflow_core.errors import InvalidInput
from clientflow_host.assembly import ASSEMBLY
from clientflow_host.middleware.sessions import refuse_other_site
from clientflow_host.openapi import ApiRequest, Operation
from clientflow_host.pages.goals import safe_goal

CHOICE_COOKIE: Final = "cookie_choice"
VISITOR_COOKIE: Final = "visitor"
# Half a year: then they are asked anew.
_KEPT_SECONDS: Final = 180 * 24 * 3600


class CookieChoice(enum.StrEnum):
    """What a visitor has said."""

    ALL = "all"
    ESSENTIAL = "essential"


def read_choice(request: web.Request) -> CookieChoice | None:
    """Give what the visitor has said; None if nothing yet."""
    try:
        return CookieChoice(request.cookies.get(CHOICE_COOKIE, ""))
    except ValueError:
        return None


async def choose_cookies(request: ApiRequest[None, None, None]) -> web.StreamResponse:
    """Keep what the visitor says about cookies; back to where they were."""
    refuse_other_site(request.raw)
    form = await request.raw.post()
    try:
        choice = CookieChoice(str(form.get("choice", "")))
    except ValueError as error:
        msg = f"choice is one of {', '.join(CookieChoice)}"
        raise InvalidInput(msg) from error
    goal = safe_goal(str(form.get("next", "")), otherwise="/")
    response = web.Response(status=HTTPStatus.SEE_OTHER, headers={"Location": goal})
    _keep(request.raw, response, CHOICE_COOKIE, choice)
    if choice is CookieChoice.ALL:
        # By chance, and by nothing that is known of them.
        _keep(request.raw, response, VISITOR_COOKIE, secrets.token_hex(16))
    else:
        response.del_cookie(VISITOR_COOKIE, path="/")
    return response


def _keep(request: web.Request, response: web.Response, name: str, value: str) -> None:
    response.set_cookie(
        name,
        value,
        max_age=_KEPT_SECONDS,
        path="/",
        httponly=True,
        secure=request.app[ASSEMBLY].settings.url.startswith("https://"),
        samesite="Lax",
    )


OPERATIONS: Final = (
    Operation(
        method="POST",
        path="/cookies",
        role=Role.PUBLIC,
        handler=choose_cookies,
        tag="pages",
        foreign=True,
    ),
)
