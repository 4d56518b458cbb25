"""``clientflow checklist sign``, ``revoke`` and ``signed``: what a person answers for."""

import asyncio
import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final

import attrs
from cyclopts import Parameter
from rich.text import Text

from clientflow_core.errors import InvalidInput
from clientflow_host.cli.checklist import checklist
from clientflow_host.cli.database import system_transaction
from clientflow_host.cli.options import AsJson, StateDir, read_all
from clientflow_host.cli.tables import output, print_rows
from clientflow_host.cli.visible import visible

_SIGN_OFFS: Final = (
    "item_id", "signed_by", "evidence", "is_not_applicable", "signed_at", "expires_at",
    "revoked_at", "revoked_by", "revoked_because",
)  # fmt: skip
ItemId = Annotated[str, Parameter(name="ITEM", help="Such as FP5.")]


@checklist.command
def sign(
    item: ItemId,
    /,
    *,
    by: Annotated[str, Parameter(help="Who answers for it.")],
    evidence: Annotated[
        str, Parameter(help="Where it can be looked up; why, where it does not apply.")
    ],
    expires: Annotated[
        dt.date | None,
        Parameter(help="The first day on which it is good no more.", show_default=False),
    ] = None,
    not_applicable: Annotated[
        bool, Parameter(help="The item does not apply here.", negative=())
    ] = False,
    state_dir: StateDir = None,
) -> None:
    """Answer for an item that needs a person, until a day or until it is revoked."""
    item_id = _signable(item)
    ends = dt.datetime.combine(expires, dt.time(), dt.UTC) if expires else None
    asyncio.run(
        _sign(
            read_all(state_dir),
            item_id=item_id,
            signed_by=_said("--by", by),
            evidence=_said("--evidence", evidence),
            is_not_applicable=not_applicable,
            expires_at=ends,
        )
    )
    until = f" until {expires}" if expires else ""
    output().print(Text(f"{item_id} is signed by {visible(by)}{until}."))


@checklist.command
def revoke(
    item: ItemId,
    /,
    *,
    by: Annotated[str, Parameter(help="Who takes it back.")],
    because: Annotated[str, Parameter(help="Why.")],
    state_dir: StateDir = None,
) -> None:
    """Take back whatever was signed for an item; it stays in the list."""
    item_id = _signable(item)
    said = {"revoked_by": _said("--by", by), "because": _said("--because", because)}
    count = asyncio.run(_revoke(read_all(state_dir), item_id=item_id, **said))
    output().print(Text(f"{item_id}: {count} revoked."))


@checklist.command(name="signed")
def list_signed(
    item: Annotated[str | None, Parameter(name="ITEM", help="Of this item only.")] = None,
    /,
    *,
    state_dir: StateDir = None,
    json: AsJson = False,
) -> None:
    """List what was signed, the newest first, revoked and expired ones too."""
    item_id = None if item is None else _signable(item)
    rows = asyncio.run(_signed(read_all(state_dir), item_id=item_id))
    print_rows(rows, columns=_SIGN_OFFS, as_json=json, empty="Nothing was signed.")


def _signable(name: str) -> str:
    from clientflow_host.checklist.catalogue import load_catalogue  # noqa: PLC0415 - heavy

    item = load_catalogue().get(name.upper())
    if item is None:
        msg = f"the checklist has no item {name!r}; items are such as FP5"
        raise InvalidInput(msg)
    if not item.may_be_signed:
        msg = f"{item.id} is not for a person to sign: the service proves it, or does not"
        raise InvalidInput(msg)
    return item.id


def _said(option: str, words: str) -> str:
    if words.strip():
        return words.strip()
    msg = f"{option} needs words: it is what the item's answer rests on"
    raise InvalidInput(msg)


async def _sign(values: dict[str, str], **signed: Any) -> None:
    from clientflow_core.persistence.repositories.checklist import add_sign_off  # noqa: PLC0415

    async with system_transaction(values) as transaction:
        await add_sign_off(transaction, **signed)


async def _revoke(values: dict[str, str], **revoked: Any) -> int:
    from clientflow_core.persistence.repositories.checklist import revoke_sign_offs  # noqa: PLC0415

    async with system_transaction(values) as transaction:
        return await revoke_sign_offs(transaction, **revoked)


async def _signed(values: dict[str, str], *, item_id: str | None) -> Sequence[Mapping[str, Any]]:
    from clientflow_core.persistence.repositories.checklist import list_sign_offs  # noqa: PLC0415

    async with system_transaction(values) as transaction:
        return [attrs.asdict(one) for one in await list_sign_offs(transaction, item_id=item_id)]
