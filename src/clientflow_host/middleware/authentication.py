"""Who asks: an API key as a bearer token."""

import re
from typing import Final

from aiohttp import hdrs, web

from clientflow_core.domain.roles import Principal
from clientflow_core.errors import Unauthenticated
from clientflow_core.persistence.repositories.organizations import find_api_key
from clientflow_core.secret import Secret
from clientflow_core.services.initialize import hash_api_key
from clientflow_host.assembly import ASSEMBLY
from clientflow_host.middleware.rate_limits import CREDENTIAL

_BEARER: Final = re.compile(r"Bearer +([!-~]{1,200})", re.IGNORECASE)


async def authenticate(request: web.Request) -> Principal:
    """Find out for whom *request* is made.

    Raises:
        Unauthenticated: there is no key in it, or none that is good.
    """
    given = _BEARER.fullmatch(request.headers.get("Authorization", "").strip())
    if given is None:
        msg = "send an API key: Authorization: Bearer cf_live_..."
        raise Unauthenticated(msg)
    async with request.app[ASSEMBLY].database.system() as transaction:
        principal = await find_api_key(transaction, hash_api_key(Secret(given[1])))
    if principal is None:
        msg = "this API key is not known, was revoked or has expired"
        raise Unauthenticated(msg)
    request[CREDENTIAL] = request.headers[hdrs.AUTHORIZATION]
    return principal
