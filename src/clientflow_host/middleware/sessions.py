"""Who is signed in, by the cookie of their session; and no form from another site."""

from typing import Final
from urllib.parse import quote, urlsplit

import attrs
from aiohttp import hdrs, web

from clientflow_core.domain.roles import Principal
from clientflow_core.errors import NotAllowed
from clientflow_core.persistence.repositories.user_sessions import SignedIn, find_user_session
from clientflow_core.secret import Secret
from clientflow_core.services.sign_in import SESSION_LASTS, hash_token
from clientflow_host.assembly import ASSEMBLY
from clientflow_host.middleware.rate_limits import CREDENTIAL

SIGNED_IN: Final = web.RequestKey("signed_in", SignedIn)
"""Who is signed in, once :func:`authenticate_session` has found out."""

_SESSION: Final = "session"
_SAFE: Final = frozenset({hdrs.METH_GET, hdrs.METH_HEAD})


async def authenticate_session(request: web.Request) -> Principal:
    """Find out for whom a page is asked; nobody is led to the sign-in page.

    Raises:
        aiohttp.web.HTTPSeeOther: nobody is signed in.
        NotAllowed: a form comes from another site.
    """
    refuse_other_site(request)
    found = await find_signed_in(request)
    if found is None:
        is_page = request.method in _SAFE
        raise web.HTTPSeeOther("/sign-in" + (f"?next={quote(request.path_qs)}" if is_page else ""))
    request[SIGNED_IN] = known = _with_rights(request, found)
    request[CREDENTIAL] = read_cookie(request, _SESSION) or ""
    return known.principal


def _with_rights(request: web.Request, found: SignedIn) -> SignedIn:
    operators = request.app[ASSEMBLY].settings.operators or ()
    is_operator = found.email.casefold() in {one.casefold() for one in operators}
    return attrs.evolve(found, principal=attrs.evolve(found.principal, is_operator=is_operator))


async def find_signed_in(request: web.Request) -> SignedIn | None:
    """Tell who is signed in, if anybody is."""
    token = read_cookie(request, _SESSION)
    if not token:
        return None
    async with request.app[ASSEMBLY].database.system() as transaction:
        return await find_user_session(transaction, hash_token(Secret(token)))


def set_session(request: web.Request, response: web.StreamResponse, token: Secret) -> None:
    """Give the browser the session's token, out of the reach of scripts and of other sites."""
    lasts = int(SESSION_LASTS.total_seconds())
    put_cookie(request, response, _SESSION, token.reveal(), max_age=lasts)


def forget_session(request: web.Request, response: web.StreamResponse) -> Secret | None:
    """Take the token from the browser, and give it to whoever ends the session."""
    token = read_cookie(request, _SESSION)
    drop_cookie(request, response, _SESSION)
    return Secret(token) if token else None


def session_mark(request: web.Request) -> str:
    """Give what tells the session of *request* from all others, and signs nobody in."""
    return hash_token(Secret(read_cookie(request, _SESSION) or "")).hex()


def put_cookie(
    request: web.Request, response: web.StreamResponse, name: str, value: str, *, max_age: int
) -> None:
    """Give the browser a cookie that no script sees, and no form of another site brings along.

    Args:
        request: tells whether there is TLS.
        response: carries it.
        name: as :func:`read_cookie` is asked for it.
        value: what is kept.
        max_age: how long, in seconds.
    """
    response.set_cookie(
        _cookie_name(request, name),
        value,
        max_age=max_age,
        path="/",
        httponly=True,
        secure=_is_secure(request),
        samesite="Lax",
    )


def read_cookie(request: web.Request, name: str) -> str | None:
    """Give the cookie *name* of ours, if the browser has it."""
    return request.cookies.get(_cookie_name(request, name))


def drop_cookie(request: web.Request, response: web.StreamResponse, name: str) -> None:
    """Take the cookie *name* from the browser."""
    response.del_cookie(
        _cookie_name(request, name),
        path="/",
        httponly=True,
        secure=_is_secure(request),
        samesite="Lax",
    )


def refuse_other_site(request: web.Request) -> None:
    """Refuse a request that changes something and comes from a page that is not ours.

    Raises:
        NotAllowed: it does.
    """
    if request.method in _SAFE:
        return
    origin = request.headers.get(hdrs.ORIGIN)
    # A browser sends at least one of the two with each form; who sends neither has no cookie
    # of ours that it did not take itself.
    site = request.headers.get("Sec-Fetch-Site", "same-origin" if origin else "none")
    ours = {urlsplit(request.app[ASSEMBLY].settings.url).netloc, request.host}
    if site not in {"same-origin", "none"} or (origin and urlsplit(origin).netloc not in ours):
        msg = "this form comes from another site; open the page here and send it again"
        raise NotAllowed(msg)


def _is_secure(request: web.Request) -> bool:
    return request.app[ASSEMBLY].settings.url.startswith("https://")


def _cookie_name(request: web.Request, name: str) -> str:
    # The prefix binds the cookie to this very host, but asks for TLS, which a laptop has not.
    return f"__Host-{name}" if _is_secure(request) else name
