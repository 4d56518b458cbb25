"""The organization that `up` brings, and the login that is kept for it in the state folder."""

import secrets
import uuid
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import attrs

from clientflow_core.errors import Conflict
from clientflow_core.ids import IdPrefix, from_public_id, to_public_id
from clientflow_core.persistence.database import Database
from clientflow_core.registry.registry import ProviderRegistry
from clientflow_core.secret import Secret
from clientflow_core.services.follow_calendar import ask_to_follow, calendar_providers
from clientflow_core.services.forget_providers import forget_providers
from clientflow_core.services.initialize import (
    Initialized,
    NewChannel,
    initialize,
    new_api_key,
)
from clientflow_host.state import StateFolder, StateFolderUnusable

_FILE: Final = "demo.json"
_EMAIL: Final = "demo@clientflow.example"


@attrs.frozen(kw_only=True)
class Login:
    """Who may do everything in the demo organization.

    Attributes:
        organization_id: its public id; empty before the organization is there.
    """

    email: str
    password: str = attrs.field(repr=False)
    api_key: str = attrs.field(repr=False)
    organization_id: str = ""


async def make_demo_organization(
    database: Database, folder: StateFolder, *, channels: Sequence[NewChannel]
) -> Login:
    """Make the demo organization as far as it is missing, and give the login of this folder.

    A database may have the organization from a state folder that is gone: its password is not
    known then, so this folder gets a user of its own in it.

    Args:
        database: as the application role.
        folder: keeps the login.
        channels: of the organization.

    Raises:
        Conflict: an address of *channels* belongs to another organization.
        StateFolderUnusable: the login that is kept cannot be read.
    """
    kept = _kept_login(folder)
    login = kept or _new_login(_EMAIL)
    made = await _initialize(database, login, channels)
    if not (made.is_new_user or (kept and _is_of(kept, made.organization_id))):
        login = _new_login(f"demo-{secrets.token_hex(4)}@clientflow.example")
        made = await _initialize(database, login, channels)
    organization_id = to_public_id(IdPrefix.ORGANIZATION, made.organization_id)
    login = attrs.evolve(login, organization_id=organization_id)
    folder.write_json(_FILE, attrs.asdict(login))
    return login


async def follow_everything(
    database: Database, login: Login, *, registry: ProviderRegistry
) -> None:
    """Ask for the calendars of every provider to be followed, so that there is something to see."""
    organization_id = from_public_id(IdPrefix.ORGANIZATION, login.organization_id)
    async with database.organization(organization_id) as transaction:
        for provider in calendar_providers(registry):
            await ask_to_follow(transaction, provider)


async def forget_stand_ins(
    database: Database, login: Login, *, names: Collection[str], registry: ProviderRegistry
) -> None:
    """Forget what the stand-ins called *names* have forgotten, since they were started anew."""
    organization_id = from_public_id(IdPrefix.ORGANIZATION, login.organization_id)
    async with database.organization(organization_id) as transaction:
        await forget_providers(transaction, names, registry=registry)


async def _initialize(
    database: Database, login: Login, channels: Sequence[NewChannel]
) -> Initialized:
    try:
        return await initialize(
            database,
            name="Demo business",
            slug="demo",
            email=login.email,
            password=Secret(login.password),
            api_key=Secret(login.api_key),
            channels=channels,
        )
    except Conflict as error:
        msg = (
            f"the demo organization cannot be made: {error}. `clientflow up` is for trying; a"
            " database that is in use is served by `clientflow serve` and `clientflow worker`"
        )
        raise Conflict(msg) from error


def _kept_login(folder: StateFolder) -> Login | None:
    kept = folder.read_json(_FILE)
    if kept is None:
        return None
    if not _is_whole(kept):
        msg = f"{folder.path / _FILE} is damaged: remove it to have a new login made"
        raise StateFolderUnusable(msg)
    return Login(**kept)


def _is_whole(kept: Mapping[str, Any]) -> bool:
    names = {field.name for field in attrs.fields(Login)}
    required = names - {"organization_id"}
    return required <= kept.keys() <= names and all(isinstance(v, str) for v in kept.values())


def _is_of(login: Login, organization_id: uuid.UUID) -> bool:
    return login.organization_id == to_public_id(IdPrefix.ORGANIZATION, organization_id)


def _new_login(email: str) -> Login:
    return Login(email=email, password=secrets.token_urlsafe(12), api_key=new_api_key().reveal())
