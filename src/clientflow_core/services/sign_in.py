"""Somebody proves by a password who they are, and gets a session."""

import asyncio
import datetime as dt
import functools
import hashlib
import secrets
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError

from clientflow_core import failpoints
from clientflow_core.errors import Unauthenticated
from clientflow_core.persistence.database import Database
from clientflow_core.persistence.repositories.user_sessions import add_user_session, find_login
from clientflow_core.secret import Secret

SESSION_LASTS: Final = dt.timedelta(days=14)
# Each check takes 64 MiB, by design, and a good part of a second of one core.
_CHECKS_AT_ONCE: Final = 2
_LONGEST_PASSWORD: Final = 1024

_hasher: Final = PasswordHasher()
_checkers: Final = ThreadPoolExecutor(_CHECKS_AT_ONCE, thread_name_prefix="password")


async def sign_in(database: Database, *, email: str, password: Secret, now: dt.datetime) -> Secret:
    """Check the password and begin a session.

    Returns:
        The token of the session; only its hash is kept.

    Raises:
        Unauthenticated: address or password is wrong, and it is not told which.
    """
    async with database.system() as transaction:
        login = await find_login(transaction, email.strip())
    is_right = await _is_right(login.password_hash if login else None, password)
    if login is None or not is_right:
        msg = "the address or the password is wrong"
        raise Unauthenticated(msg)
    failpoints.hit("sign_in.checked")
    token = Secret(secrets.token_urlsafe(32))
    async with database.system() as transaction:
        await add_user_session(
            transaction,
            user_id=login.user_id,
            token_hash=hash_token(token),
            expires_at=now + SESSION_LASTS,
        )
    return token


def hash_token(token: Secret) -> bytes:
    """Give what is kept of a session's token. It is random enough that a plain hash hides it."""
    return hashlib.sha256(token.reveal().encode("utf-8", "surrogatepass")).digest()


async def _is_right(password_hash: str | None, password: Secret) -> bool:
    if len(password.reveal()) > _LONGEST_PASSWORD:
        return False
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(_checkers, _check, password_hash, password.reveal())


def _check(password_hash: str | None, password: str) -> bool:
    # Made for whoever signs in first, known or not, so that its time tells nobody anything.
    nobodys = _hash_of_nobody()
    try:
        return _hasher.verify(password_hash or nobodys, password)
    except VerificationError:
        return False


@functools.cache
def _hash_of_nobody() -> str:
    """Give the hash for an address that is unknown, so that it takes as long as one that is not.

    Not at the import, where it would cost a tenth of the start of every process.
    """
    return _hasher.hash(secrets.token_urlsafe(16))
