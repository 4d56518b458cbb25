"""``/api/v1/contacts``: the clients of the business."""

from http import HTTPStatus
from typing import Annotated, Final

import attrs
from aiohttp import web
from msgspec import Meta

from clientflow_core.domain.contacts import ContactPointKind
from clientflow_core.domain.phone_numbers import to_e164
from clientflow_core.domain.roles import Role
from clientflow_core.errors import Conflict
from clientflow_core.ids import IdPrefix, from_public_id, to_public_id
from clientflow_core.persistence.repositories.contacts import (
    find_or_add_contact_point,
    list_contacts,
    read_contact,
)
from clientflow_host.assembly import ASSEMBLY
from clientflow_host.middleware.idempotency import answer_once
from clientflow_host.openapi import ApiRequest, Link, Operation, Page, Reply
from clientflow_host.routes.lists import give_page
from clientflow_host.routes.views import (
    ContactId,
    ContactIdInPath,
    ContactView,
    Limit,
    id_or_none,
)

_PATH: Final = "/api/v1/contacts"


@attrs.frozen(kw_only=True)
class ContactPath:
    """Names a contact."""

    contact_id: ContactIdInPath


@attrs.frozen(kw_only=True)
class ContactsQuery:
    """Which page of the list of contacts."""

    limit: Limit = 20
    starting_after: ContactId | None = None


@attrs.frozen(kw_only=True)
class NewContact:
    """A contact to add; its name is not of blanks alone."""

    phone: Annotated[
        str,
        Meta(
            min_length=3,
            max_length=40,
            description="a telephone number in international form, with + and country",
            examples=["+1 (415) 555-0123"],
            # More than a pattern can say; to_e164 enforces it.
            extra_json_schema={"format": "phone"},
        ),
    ]
    name: (
        Annotated[str, Meta(min_length=1, max_length=200, pattern=r"\S", examples=["Zoë Ünal"])]
        | None
    ) = None


async def list_all(request: ApiRequest[None, ContactsQuery, None]) -> Page[ContactView]:
    """List contacts, the newest first."""
    after = id_or_none(request.query.starting_after, IdPrefix.CONTACT)
    return await give_page(
        request,
        lambda transaction, most: list_contacts(transaction, after=after, most=most),
        show=ContactView.of,
        cursor=lambda contact: to_public_id(IdPrefix.CONTACT, contact.id),
    )


async def add(
    request: ApiRequest[None, None, NewContact],
) -> Reply[ContactView] | web.Response:
    """Add a contact with a telephone number."""
    value = to_e164(request.body.phone)

    async def work() -> ContactView:
        point, is_new = await find_or_add_contact_point(
            transaction, kind=ContactPointKind.PHONE, value=value, name=request.body.name
        )
        if not is_new:
            existing = to_public_id(IdPrefix.CONTACT, point.contact_id)
            msg = f"the contact {existing} has the number {value} already"
            raise Conflict(msg)
        return ContactView.of(await read_contact(transaction, point.contact_id))

    database = request.raw.app[ASSEMBLY].database
    async with database.organization(request.principal.organization_id) as transaction:
        return await answer_once(request, transaction, status=HTTPStatus.CREATED, work=work)


async def read(request: ApiRequest[ContactPath, None, None]) -> ContactView:
    """Read a contact."""
    contact_id = from_public_id(IdPrefix.CONTACT, request.path.contact_id)
    database = request.raw.app[ASSEMBLY].database
    async with database.organization(request.principal.organization_id) as transaction:
        return ContactView.of(await read_contact(transaction, contact_id))


OPERATIONS: Final = (
    Operation(
        method="GET",
        path=_PATH,
        role=Role.VIEWER,
        handler=list_all,
        tag="contacts",
        operation_id="list_contacts",
        errors=(HTTPStatus.NOT_FOUND,),
        links=(
            Link("read_contact", {"contact_id": "/data/0/id"}),
            Link("read_consent", {"contact_id": "/data/0/id"}),
        ),
    ),
    Operation(
        method="POST",
        path=_PATH,
        role=Role.MEMBER,
        handler=add,
        tag="contacts",
        operation_id="add_contact",
        status=HTTPStatus.CREATED,
        errors=(HTTPStatus.CONFLICT,),
        links=(Link("read_contact", {"contact_id": "/id"}),),
        idempotent=True,
    ),
    Operation(
        method="GET",
        path=f"{_PATH}/{{contact_id}}",
        role=Role.VIEWER,
        handler=read,
        tag="contacts",
        operation_id="read_contact",
        links=(
            Link("read_consent", {"contact_id": "/id"}),
            Link("put_consent", {"contact_id": "/id"}),
        ),
    ),
)
