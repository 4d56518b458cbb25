"""Make what a fresh installation needs: an organization, who runs it, and its channels."""

import asyncio
import hashlib
import secrets
import uuid
from collections.abc import Sequence
from typing import Final

import attrs
from argon2 import PasswordHasher

from clientflow_core.domain.roles import Role
from clientflow_core.domain.routing import Medium
from clientflow_core.errors import Conflict
from clientflow_core.persistence.database import Database, Transaction
from clientflow_core.persistence.repositories.organizations import (
    add_api_key,
    add_channel,
    add_membership,
    add_organization,
    add_user,
    find_api_key,
)
from clientflow_core.secret import Secret

_KEY_PREFIX: Final = "cf_live_"


@attrs.frozen
class NewChannel:
    """An address of the organization at a provider."""

    provider: str
    address: str
    name: str
    medium: Medium = Medium.TEXT


@attrs.frozen(kw_only=True)
class Initialized:
    """What there is now.

    Attributes:
        organization_id: the organization's.
        is_new_organization: it was made now.
        is_new_user: the user was made now, with the password that was given; one who was there
            keeps their own.
        new_channels: how many channels were added.
    """

    organization_id: uuid.UUID
    is_new_organization: bool
    is_new_user: bool
    new_channels: int


async def initialize(  # noqa: PLR0913 - all that a business begins with
    database: Database,
    *,
    name: str,
    slug: str,
    email: str,
    password: Secret,
    api_key: Secret | None,
    channels: Sequence[NewChannel],
) -> Initialized:
    """Make the organization *slug*, its owner, an API key and its channels, as far as missing.

    Args:
        database: as the application role.
        name: of the organization, for people.
        slug: of the organization; one that is there is used as it is.
        email: of the owner; likewise.
        password: of the owner, if they are new.
        api_key: lets its bearer act as the owner; None adds none.
        channels: those that are not there are added.

    Raises:
        Conflict: an address of *channels*, or the key, belongs to another organization, or the
            key is no longer good.
    """
    # Hashing takes a good part of a second of one core, by design.
    hashed = await asyncio.to_thread(PasswordHasher().hash, password.reveal())
    async with database.system() as transaction:
        organization = await add_organization(transaction, name=name, slug=slug)
        user = await add_user(transaction, email=email, password_hash=hashed)
        await transaction.switch_to(organization.id)
        await add_membership(transaction, user_id=user.id, role=Role.OWNER)
        if api_key is not None:
            await _add_owner_key(transaction, api_key)
        added = [await add_channel(transaction, **attrs.asdict(channel)) for channel in channels]
    return Initialized(
        organization_id=organization.id,
        is_new_organization=organization.is_new,
        is_new_user=user.is_new,
        new_channels=sum(channel.is_new for channel in added),
    )


async def _add_owner_key(transaction: Transaction, key: Secret) -> None:
    key_hash = hash_api_key(key)
    await add_api_key(transaction, name="first key", key_hash=key_hash, role=Role.OWNER)
    # One that was there is left as it is, and may be another organization's.
    found = await find_api_key(transaction, key_hash)
    if found is None or found.organization_id != transaction.organization_id:
        msg = "the API key was revoked, has expired or is another organization's: make a new one"
        raise Conflict(msg)


def new_api_key() -> Secret:
    """Make an API key: 256 bits behind a prefix by which leaked ones are found."""
    return Secret(_KEY_PREFIX + secrets.token_urlsafe(32))


def hash_api_key(key: Secret) -> bytes:
    """Give what is kept of an API key. It is random enough that a plain hash hides it."""
    return hashlib.sha256(key.reveal().encode()).digest()
