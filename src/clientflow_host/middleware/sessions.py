"""Who is signed in, by the cookie of their session; and no form from another site."""

from typing import Final
from urllib.parse import quote, urlsplit

from aiohttp import hdrs, web

from clientflow_core.domain.roles import Principal
from clientflow_core.errors import NotAllowed
from clientflow_core.persistence.repositories.user_sessions import SignedIn, find_user_session
from clientflow_core.secret import Secret
from clientflow_core.services.sign_in import SESSION_LASTS, hash_token
from clientflow_host.assembly import ASSEMBLY

SIGNED_IN: Final = web.RequestKey("signed_in", SignedIn)
"""Who is signed in, once :func:`authenticate_session` has found out."""

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
    request[SIGNED_IN] = found
    return found.principal


async def find_signed_in(request: web.Request) -> SignedIn | None:
    """Tell who is signed in, if anybody is."""
    token = request.cookies.get(_cookie_name(request))
    if not token:
        return None
    async with request.app[ASSEMBLY].database.system() as transaction:
        return await find_user_session(transaction, hash_token(Secret(token)))


def set_session(request: web.Request, response: web.StreamResponse, token: Secret) -> None:
    """Give the browser the session's token, out of the reach of scripts and of other sites."""
    response.set_cookie(
        _cookie_name(request),
        token.reveal(),
        max_age=int(SESSION_LASTS.total_seconds()),
        path="/",
        httponly=True,
        secure=_is_secure(request),
        samesite="Lax",
    )


def forget_session(request: web.Request, response: web.StreamResponse) -> Secret | None:
    """Take the token from the browser, and give it to whoever ends the session."""
    token = request.cookies.get(_cookie_name(request))
    response.del_cookie(
        _cookie_name(request), path="/", httponly=True, secure=_is_secure(request), samesite="Lax"
    )
    return Secret(token) if token else None


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


def _cookie_name(request: web.Request) -> str:
    # The prefix binds the cookie to this very host, but asks for TLS, which a laptop has not.
    return "__Host-session" if _is_secure(request) else "session"
