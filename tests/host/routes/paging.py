"""Walking through a list page by page, as a caller does."""

from tests.host.conftest import Host, Organization


async def walk(
    host: Host,
    path: str,
    *,
    limit: int | None = None,
    by: Organization | None = None,
    by_cursor: bool = True,
) -> list[str]:
    """Give the id of everything in a list; each page but the last must be full.

    Args:
        host: serves the list.
        path: of the list, below ``/api/v1``.
        limit: how many things to ask for.
        by: who asks.
        by_cursor: go on from the page's cursor; else from the id of the last thing.
    """
    query: dict[str, str] = {} if limit is None else {"limit": str(limit)}
    ids: list[str] = []
    while True:
        page = await host.get(path, by=by, **query)
        assert (page["object"], page["url"]) == ("list", f"/api/v1{path}")
        found = [one["id"] for one in page["data"]]
        assert found or not ids, "there should be more, and is not"
        ids.extend(found)
        assert page["has_more"] is (page["next_cursor"] is not None)
        if not page["has_more"]:
            return ids
        assert len(found) == (limit or 20)
        query["starting_after"] = page["next_cursor"] if by_cursor else found[-1]
