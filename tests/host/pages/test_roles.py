"""Who may open which page: every page, by everybody."""

import pytest

from clientflow_core.domain.roles import Role
from clientflow_host.openapi import ApiRequest, Operation, load_all
from clientflow_host.pages import CHAPTERS
from tests.host.conftest import Host
from tests.host.pages.conftest import Browser

pytestmark = pytest.mark.proves("SA5")
# Fields of the paths that are no ids.
PLACES = {"digest": "0" * 12, "name": "none.css", "code": "not_found", "document": "terms"}


def address(operation: Operation) -> str:
    path = operation.types.path
    fields = () if path is None else [field.name for field in path.__attrs_attrs__]
    return operation.path.format(**{name: PLACES.get(name, "x") for name in fields})


def guarded() -> list[Operation]:
    return [one for one in load_all(CHAPTERS) if not one.is_public and one.path != "/stream"]


async def test_nobody_opens_a_page_of_the_business_without_signing_in(stranger: Browser) -> None:
    assert len(guarded()) > 10
    for page in guarded():
        ask = stranger.open if page.method == "GET" else stranger.send
        status, goal = await ask(address(page))
        assert (status, goal.partition("?")[0]) == (303, "/sign-in"), page


@pytest.mark.parametrize("role", list(Role)[1:])
async def test_every_page_holds_to_its_role(browser: Browser, host: Host, role: Role) -> None:
    host.rows("UPDATE memberships SET role = %s", role.value)
    for page in guarded():
        ask = browser.open if page.method == "GET" else browser.send
        status, _ = await ask(address(page))
        if not role.includes(page.role):
            assert status == 403, (role, page)
        elif page.path != "/sign-out":
            assert status not in {401, 500}, (role, page)


def test_nothing_is_served_that_names_no_role() -> None:
    async def handler(request: ApiRequest[None, None, None]) -> None:
        """Do nothing."""

    with pytest.raises(TypeError, match="role"):
        Operation(method="GET", path="/open", handler=handler, tag="x")  # type: ignore[call-arg]
