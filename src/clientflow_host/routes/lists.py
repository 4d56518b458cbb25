"""What every list has in common: how a page of it is asked for and given."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol, TypeVar

from clientflow_core.persistence.database import Transaction
from clientflow_host.assembly import ASSEMBLY
from clientflow_host.openapi import ApiRequest, Page


class ListQuery(Protocol):
    """What every query of a list has."""

    @property
    def limit(self) -> int:
        """How many things at most."""
        ...


T = TypeVar("T")
ViewT = TypeVar("ViewT")
QueryT = TypeVar("QueryT", bound=ListQuery)


async def give_page(
    request: ApiRequest[Any, QueryT, None],
    load: Callable[[Transaction, int], Awaitable[Sequence[T]]],
    *,
    show: Callable[[T], ViewT],
    cursor: Callable[[T], str],
) -> Page[ViewT]:
    """Give the page that *request* asks for.

    Args:
        request: says how many.
        load: reads things, that many at most, from where the page begins.
        show: makes of one what is published.
        cursor: names the place of one in the list.
    """
    limit = request.query.limit
    database = request.raw.app[ASSEMBLY].database
    async with database.organization(request.principal.organization_id) as transaction:
        # One more than is shown tells whether there are more.
        found = await load(transaction, limit + 1)
    shown, has_more = found[:limit], len(found) > limit
    return Page(
        data=[show(one) for one in shown],
        has_more=has_more,
        next_cursor=cursor(shown[-1]) if has_more else None,
        url=request.raw.path,
    )
