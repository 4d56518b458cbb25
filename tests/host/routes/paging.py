"""Walking through a list page by page, as a caller does."""

from tests.host.conftest import Host, Organization


async def walk(
    host: Host, path: str, *, limit: int | None = None, by: Organization | None = None
) -> list[str]:
    """Give the id of everything in a list; each page but the last must be full."""
    query: dict[str, str] = {} if limit is None else {"limit": str(limit)}
    ids: list[str] = []
    while True:
        page = await host.get(path, by=by, **query)
        assert (page["object"], page["url"]) == ("list", f"/api/v1{path}")
        found = [one["id"] for one in page["data"]]
        assert found or not ids, "there should be more, and is not"
        ids.extend(found)
        if not page["has_more"]:
            return ids
        assert len(found) == (limit or 20)
        query["starting_after"] = found[-1]
