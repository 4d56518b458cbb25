"""Who may sign in, and who is signed in: reached by functions only."""

import datetime as dt
import uuid
from typing import Final

import attrs
import sqlalchemy as sa

from clientflow_core.domain.roles import Principal, Role
from clientflow_core.ids import new_id
from clientflow_core.persistence.database import Transaction

_FIND_LOGIN: Final = sa.text("SELECT * FROM find_login(:email)")
_ADD: Final = sa.text("SELECT add_user_session(:id, :user_id, :hash, :until)")
_FIND: Final = sa.text("SELECT * FROM find_user_session(:hash)")
_END: Final = sa.text("SELECT end_user_session(:hash)")


@attrs.frozen
class Login:
    """A user, and what their password is checked against."""

    user_id: uuid.UUID
    password_hash: str = attrs.field(repr=False)


@attrs.frozen(kw_only=True)
class SignedIn:
    """Somebody who is signed in, and where."""

    principal: Principal
    email: str
    organization_name: str


async def find_login(transaction: Transaction, email: str) -> Login | None:
    """Find the user with this address; upper and lower case are the same."""
    row = (await transaction.execute(_FIND_LOGIN, {"email": email})).one_or_none()
    return Login(row.user_id, row.password_hash) if row else None


async def add_user_session(
    transaction: Transaction, *, user_id: uuid.UUID, token_hash: bytes, expires_at: dt.datetime
) -> None:
    """Keep that whoever has the token is signed in as this user."""
    values = {"id": new_id(), "user_id": user_id, "hash": token_hash, "until": expires_at}
    await transaction.execute(_ADD, values)


async def find_user_session(transaction: Transaction, token_hash: bytes) -> SignedIn | None:
    """Tell who is signed in by the token with this hash; None if it is not good any more."""
    row = (await transaction.execute(_FIND, {"hash": token_hash})).one_or_none()
    if row is None:
        return None
    principal = Principal(
        organization_id=row.organization_id, role=Role(row.role), user_id=row.user_id
    )
    return SignedIn(principal=principal, email=row.email, organization_name=row.organization_name)


async def end_user_session(transaction: Transaction, token_hash: bytes) -> None:
    """Sign the bearer of the token out, and forget the sessions that have expired."""
    await transaction.execute(_END, {"hash": token_hash})
