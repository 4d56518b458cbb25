"""The addresses that a plugin brings, over real HTTP."""

from types import ModuleType
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from structlog.testing import capture_logs

from clientflow_core.errors import PluginError
from clientflow_host.app import build_app
from clientflow_host.assembly import assemble
from tests.core.registry.conftest import Install
from tests.host.conftest import Answer, Host, Organization
from tests.host.contributed.conftest import HEAD, jobs, told, viewer

ORDER = "/x/acme/orders/o1"


async def order(host: Host, amount: object, *, by: Organization | None = None) -> Answer:
    """Place an order."""
    return await host.post(ORDER, {"amount": amount}, by=by)


async def test_route_answers_for_the_organization_of_its_caller(
    host: Host, acme: ModuleType
) -> None:
    answer = await order(host, 3)
    expected = {"order_id": "o1", "amount": 3, "organization": str(host.ours.id)}
    assert (answer.status, answer.body) == (200, expected)


async def test_route_is_published_as_our_own_are(host: Host, acme: ModuleType) -> None:
    document = (await host.bare("GET", "/api/openapi.json")).body
    assert list(OpenAPIV31SpecValidator(document).iter_errors()) == []
    placed: Any = document["paths"]["/api/v1/x/acme/orders/{order_id}"]["post"]
    assert placed["operationId"] == "acme_place_order"
    assert placed["summary"] == "Place an order"
    assert placed["tags"] == ["acme"]
    assert placed["security"]
    assert [one["name"] for one in placed["parameters"]] == ["order_id", "verbose"]
    body = placed["requestBody"]["content"]["application/json"]["schema"]
    assert body == {"$ref": "#/components/schemas/AcmeOrder"}
    assert "AcmeAnswer" in document["components"]["schemas"]
    assert document["paths"]["/api/v1/x/acme/hello"]["get"]["security"] == []


async def test_what_is_published_is_enforced(host: Host, acme: ModuleType) -> None:
    assert (await order(host, "many")).pointers == ["/amount"]
    assert (await host.post(ORDER, {"amount": 1, "more": 1})).pointers == ["/more"]
    assert (await host.call("GET", "/api/v1/x/acme/slow", params={"a": "b"})).status == 422
    assert acme.SEEN == []


async def test_role_is_enforced(host: Host, acme: ModuleType) -> None:
    assert (await order(host, 3, by=viewer(host))).code == "not_allowed"
    assert (await host.bare("POST", f"/api/v1{ORDER}", json={"amount": 3})).status == 401
    assert jobs(host) == []


async def test_public_route_knows_nobody(host: Host, acme: ModuleType) -> None:
    assert (await host.bare("GET", "/api/v1/x/acme/hello")).status == 204
    assert acme.SEEN == [("hello", None)]


async def test_its_errors_become_problems(host: Host, acme: ModuleType) -> None:
    assert (await order(host, 13)).pointers == ["/amount"]
    assert (await order(host, 16)).code == "not_found"


@pytest.mark.parametrize("amount", [14, 15])
async def test_fault_and_junk_are_answered_500_and_name_the_plugin_in_the_log(
    amount: int, host: Host, acme: ModuleType
) -> None:
    with capture_logs() as logs:
        assert (await order(host, amount)).code == "internal"
    said = told(logs, "request_failed")
    assert "the route 'place_order' of the plugin 'acme' of acme-dist 1.2" in said


async def test_one_that_takes_too_long_is_answered_503(host: Host, acme: ModuleType) -> None:
    answer = await host.call("GET", "/api/v1/x/acme/slow")
    assert (answer.status, answer.code) == (503, "plugin")
    assert "acme" not in str(answer.body["detail"])


async def test_job_that_it_asks_for_exists_only_if_it_ends_well(
    host: Host, acme: ModuleType
) -> None:
    assert (await order(host, 16)).status == 404
    assert jobs(host) == []
    assert (await order(host, 3)).status == 200
    assert jobs(host) == [("plugin.acme", "acme.ship", {"order_id": "o1"}, 2)]
    assert host.rows("SELECT organization_id FROM jobs") == [(host.ours.id,)]


UNPUBLISHABLE = (
    HEAD
    + """
import datetime

@attrs.frozen(kw_only=True)
class When:
    at: datetime.datetime

async def tell(request: RouteRequest[None, None, When]) -> None:
    \"\"\"Tell when.\"\"\"

class Bad(Hooks):
    @hookimpl
    def clientflow_routes(self):
        return [RouteSpec(method="POST", path="/when", role=Role.MEMBER, handle=tell)]

plugin = Bad()
"""
)


async def test_routes_that_cannot_be_published_are_left_out_unless_they_must_work(
    install: Install, values: dict[str, str]
) -> None:
    install("bad", body=UNPUBLISHABLE)
    async with assemble(values) as assembly:
        with capture_logs() as logs:
            build_app(assembly)
        resources = [one.canonical for one in build_app(assembly).router.resources()]
    assert "/api/v1/x/acme/slow" in resources
    assert not [one for one in resources if "/x/bad" in one]
    [line] = [one for one in logs if one["event"] == "plugin_routes_left_out"]
    assert line["plugin"] == "bad"
    assert "datetime" in line["reason"]
    async with assemble({**values, "CLIENTFLOW_PLUGINS": "twilio,bad"}) as assembly:
        with pytest.raises(PluginError, match=r"'bad_tell' of the plugin 'bad' of bad-dist 1\.2"):
            build_app(assembly)
