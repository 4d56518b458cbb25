"""For who runs the service: what the checklist has found of it."""

import datetime as dt
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Final

import attrs
from aiohttp import web

from clientflow_core.domain.roles import Role
from clientflow_core.persistence.repositories.checklist import (
    SignOff,
    StoredResult,
    list_results,
    list_sign_offs,
)
from clientflow_core.release import release
from clientflow_host.assembly import ASSEMBLY
from clientflow_host.checklist.answers import Status, summary
from clientflow_host.checklist.catalogue import Item, load_catalogue
from clientflow_host.checklist.report import mark
from clientflow_host.openapi import ApiRequest, Operation
from clientflow_host.pages.rendering import render


@attrs.frozen(kw_only=True)
class Line:
    """An item as the page shows it.

    Attributes:
        item: of the checklist.
        status: how it was answered.
        found: what there was.
        expected: what should have been.
        hint: what to do about it; may be empty.
        signed: who answers for it, if anybody does at this moment.
    """

    item: Item
    status: Status
    found: str
    expected: str
    hint: str
    signed: SignOff | None

    @property
    def sign(self) -> str:
        """The mark of its status."""
        return mark(self.status)


async def show_checklist(request: ApiRequest[None, None, None]) -> web.Response:
    """Show what the last run of the checklist has found for this release, section by section."""
    assembly = request.raw.app[ASSEMBLY]
    async with assembly.database.system() as transaction:
        results = await list_results(transaction, release=release())
        sign_offs = await list_sign_offs(transaction)
    lines = _lines(results, sign_offs, now=assembly.clock.now())
    return render(
        request.raw,
        "checklist.html",
        release=release(),
        sections=_sections(lines),
        total=summary(line.status for line in lines),
        checked_at=max((one.checked_at for one in results), default=None),
        to_do=[line for line in lines if line.status in _TO_DO],
    )


_TO_DO: Final = (Status.FAILED, Status.NEEDS_SIGN_OFF)


def _lines(
    results: Sequence[StoredResult], sign_offs: Sequence[SignOff], *, now: dt.datetime
) -> Sequence[Line]:
    found = {one.item_id: one for one in results}
    signed = {one.item_id: one for one in reversed(sign_offs) if one.is_good(at=now)}
    return [
        Line(
            item=item,
            status=Status(found[item.id].status),
            found=found[item.id].found,
            expected=found[item.id].expected,
            hint=found[item.id].hint,
            signed=signed.get(item.id),
        )
        for item in load_catalogue().values()
        if item.id in found
    ]


def _sections(lines: Sequence[Line]) -> Sequence[Mapping[str, object]]:
    return [
        {
            "title": title,
            "lines": (those := list(group)),
            "summary": summary(line.status for line in those),
            "is_open": any(line.status is Status.FAILED for line in those),
        }
        for title, group in groupby(lines, key=lambda line: line.item.section)
    ]


OPERATIONS: Final = (
    Operation(
        method="GET",
        path="/operation/checklist",
        role=Role.VIEWER,
        for_operators=True,
        handler=show_checklist,
        tag="pages",
        media_type="text/html",
    ),
)
