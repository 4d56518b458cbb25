"""Contacts: the list, the search, and one with its conversations."""

from typing import Annotated, Final

import attrs
from aiohttp import web
from msgspec import Meta

from clientflow_core.domain.roles import Role
from clientflow_core.ids import IdPrefix, from_public_id
from clientflow_core.persistence.repositories.contacts import (
    list_contacts,
    read_contact,
    search_contacts,
)
from clientflow_core.persistence.repositories.conversations import list_conversations_of
from clientflow_host.assembly import ASSEMBLY
from clientflow_host.openapi import ApiRequest, Operation
from clientflow_host.pages.consents import read_addresses
from clientflow_host.pages.rendering import render
from clientflow_host.routes.views import ContactId, id_or_none

_SHOWN: Final = 50


@attrs.frozen(kw_only=True)
class ContactPath:
    """Names a contact."""

    contact_id: str


@attrs.frozen(kw_only=True)
class ContactsQuery:
    """What is looked for, and which part of the list."""

    q: Annotated[str, Meta(max_length=100)] = ""
    starting_after: ContactId | None = None


async def show_contacts(request: ApiRequest[None, ContactsQuery, None]) -> web.Response:
    """Show the contacts, or those that fit what is looked for."""
    words, after = request.query.q.strip(), request.query.starting_after
    database = request.raw.app[ASSEMBLY].database
    async with database.organization(request.principal.organization_id) as transaction:
        found = (
            await search_contacts(transaction, words, most=_SHOWN + 1)
            if words
            else await list_contacts(
                transaction, after=id_or_none(after, IdPrefix.CONTACT), most=_SHOWN + 1
            )
        )
    return render(
        request.raw,
        "contacts.html",
        contacts=found[:_SHOWN],
        has_more=len(found) > _SHOWN,
        words=words,
        is_first=after is None,
    )


async def show_contact(request: ApiRequest[ContactPath, None, None]) -> web.Response:
    """Show a contact, and the conversations with it."""
    contact_id = from_public_id(IdPrefix.CONTACT, request.path.contact_id)
    database = request.raw.app[ASSEMBLY].database
    async with database.organization(request.principal.organization_id) as transaction:
        contact = await read_contact(transaction, contact_id)
        conversations = await list_conversations_of(transaction, contact_id)
        addresses = await read_addresses(transaction, contact)
    role = request.principal.role
    return render(
        request.raw,
        "contact.html",
        contact=contact,
        conversations=conversations,
        addresses=addresses,
        may_opt_out=role.includes(Role.MEMBER),
        may_opt_in=role.includes(Role.ADMIN),
    )


OPERATIONS: Final = (
    Operation(
        method="GET",
        path="/contacts",
        role=Role.VIEWER,
        handler=show_contacts,
        tag="pages",
        media_type="text/html",
    ),
    Operation(
        method="GET",
        path="/contacts/{contact_id}",
        role=Role.VIEWER,
        handler=show_contact,
        tag="pages",
        media_type="text/html",
    ),
)
