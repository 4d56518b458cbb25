"""Signing in and out."""

from http import HTTPStatus
from typing import Final

from aiohttp import web

from clientflow_core.domain.roles import Role
from clientflow_core.errors import Unauthenticated
from clientflow_core.persistence.repositories.user_sessions import end_user_session
from clientflow_core.secret import Secret
from clientflow_core.services.sign_in import hash_token, sign_in
from clientflow_host.assembly import ASSEMBLY
from clientflow_host.middleware.rate_limits import forgive_sign_in, limit_sign_in
from clientflow_host.middleware.sessions import (
    find_signed_in,
    forget_session,
    refuse_other_site,
    set_session,
)
from clientflow_host.openapi import LONG_SECONDS, ApiRequest, Operation
from clientflow_host.pages.goals import safe_goal
from clientflow_host.pages.rendering import render

INBOX: Final = "/inbox"


async def show_sign_in(request: ApiRequest[None, None, None]) -> web.Response:
    """Show the sign-in form; who is signed in is sent on."""
    goal = safe_goal(request.raw.query.get("next", ""), otherwise=INBOX)
    if await find_signed_in(request.raw) is not None:
        raise web.HTTPSeeOther(goal)
    return render(request.raw, "sign_in.html", goal=goal, email="", problem=None)


async def do_sign_in(request: ApiRequest[None, None, None]) -> web.StreamResponse:
    """Check the password; on to where the visitor was going."""
    refuse_other_site(request.raw)
    form = await request.raw.post()
    email, password = str(form.get("email", "")), str(form.get("password", ""))
    goal = safe_goal(str(form.get("next", "")), otherwise=INBOX)
    await limit_sign_in(request.raw, email=email)
    assembly = request.raw.app[ASSEMBLY]
    try:
        token = await sign_in(
            assembly.database,
            email=email.replace("\0", ""),
            password=Secret(password),
            now=assembly.clock.now(),
        )
    except Unauthenticated as error:
        return render(
            request.raw,
            "sign_in.html",
            status=HTTPStatus.UNAUTHORIZED,
            goal=goal,
            email=email,
            problem=f"{str(error).capitalize()}.",
        )
    response = web.Response(status=HTTPStatus.SEE_OTHER, headers={"Location": goal})
    set_session(request.raw, response, token)
    await forgive_sign_in(request.raw, email=email)
    return response


async def do_sign_out(request: ApiRequest[None, None, None]) -> web.StreamResponse:
    """End the session, here and on the server."""
    refuse_other_site(request.raw)
    response = web.Response(status=HTTPStatus.SEE_OTHER, headers={"Location": "/sign-in"})
    token = forget_session(request.raw, response)
    if token is not None:
        async with request.raw.app[ASSEMBLY].database.system() as transaction:
            await end_user_session(transaction, hash_token(token))
    return response


OPERATIONS: Final = (
    Operation(
        method="GET",
        path="/sign-in",
        role=Role.PUBLIC,
        handler=show_sign_in,
        tag="pages",
        foreign=True,
    ),
    Operation(
        method="POST",
        path="/sign-in",
        role=Role.PUBLIC,
        handler=do_sign_in,
        tag="pages",
        foreign=True,
        deadline_seconds=LONG_SECONDS,
    ),
    Operation(
        method="POST",
        path="/sign-out",
        role=Role.PUBLIC,
        handler=do_sign_out,
        tag="pages",
        foreign=True,
    ),
)
