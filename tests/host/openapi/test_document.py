"""The OpenAPI document: valid, always the same, and true."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import attrs
import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # it ships none
from openapi_spec_validator import OpenAPIV31SpecValidator

import clientflow_host.openapi as api
from clientflow_core.domain.roles import Role
from clientflow_host.openapi import ApiRequest, Link, Operation, build_document
from tests.host.openapi.toy import OPERATIONS, THING, Client, Echo, as_role, make_app

DOCUMENT = build_document(OPERATIONS, title="Toy", version="1.2")
PATHS: dict[str, Any] = DOCUMENT["paths"]


def published() -> dict[str, dict[str, Any]]:
    return {o["operationId"]: o for path in PATHS.values() for o in path.values()}


def response_validator(operation_id: str, status: str, media_type: str) -> Draft202012Validator:
    response = published()[operation_id]["responses"][status]
    if "$ref" in response:
        response = DOCUMENT["components"]["responses"][response["$ref"].rpartition("/")[2]]
    schema = response["content"][media_type]["schema"]
    return Draft202012Validator({**schema, "components": DOCUMENT["components"]})


def test_document_is_valid_openapi() -> None:
    assert list(OpenAPIV31SpecValidator(DOCUMENT).iter_errors()) == []
    assert DOCUMENT["openapi"].startswith("3.1")


def test_document_is_plain_json() -> None:
    assert json.loads(json.dumps(DOCUMENT)) == DOCUMENT


def test_document_says_what_it_is() -> None:
    assert DOCUMENT["info"] == {"title": "Toy", "version": "1.2"}
    assert DOCUMENT["tags"] == [{"name": "things"}, {"name": "hooks"}, {"name": "stream"}]
    told = build_document(
        OPERATIONS, title="Toy", version="1", description="words", servers=["https://toy.example"]
    )
    assert told["info"]["description"] == "words"
    assert told["servers"] == [{"url": "https://toy.example"}]
    assert list(OpenAPIV31SpecValidator(told).iter_errors()) == []


def test_document_is_the_same_in_every_process() -> None:
    code = (
        "import json, sys; sys.path.insert(0, '.')\n"
        "from clientflow_host.openapi import build_document\n"
        "from tests.host.openapi.toy import OPERATIONS\n"
        "print(json.dumps(build_document(OPERATIONS, title='Toy', version='1.2')))"
    )
    # Sets come in another order there.
    printed = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[3],
        env={"PYTHONHASHSEED": "1"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout
    assert printed.strip() == json.dumps(DOCUMENT)


def test_document_publishes_what_is_served() -> None:
    served = {
        (route.method, route.resource.canonical)
        for route in make_app().router.routes()
        if route.resource is not None
    }
    found = {(method.upper(), path) for path, methods in PATHS.items() for method in methods}
    assert {("HEAD", path) for method, path in found if method == "GET"} == served - found
    assert found <= served


def test_parameters_are_written_out_and_their_classes_are_not() -> None:
    assert published()["list_things"]["parameters"][0] == {
        "name": "limit",
        "in": "query",
        "description": "how many at most",
        "required": False,
        "schema": {"type": "integer", "minimum": 1, "maximum": 100, "default": 20},
    }
    assert published()["drop"]["parameters"] == [
        {
            "name": "thing_id",
            "in": "path",
            "required": True,
            "schema": {"type": "string", "format": "uuid"},
        }
    ]
    names = set(DOCUMENT["components"]["schemas"])
    assert names.isdisjoint({"ThingPath", "ThingsQuery"})
    assert names >= {"NewThing", "Thing", "Page_Thing_", "Problem", "FieldError", "Color"}
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+", name) for name in names)


def test_idempotency_key_is_published_where_it_is_heeded() -> None:
    reference = {"$ref": "#/components/parameters/IdempotencyKey"}
    heeding = [n for n, o in published().items() if reference in o.get("parameters", [])]
    assert heeding == ["make_thing"]
    header = DOCUMENT["components"]["parameters"]["IdempotencyKey"]
    assert (header["name"], header["in"], header["required"]) == (
        "Idempotency-Key",
        "header",
        False,
    )
    assert header["schema"]["maxLength"] == 255


def test_every_operation_says_who_may_call_it() -> None:
    for operation in OPERATIONS:
        found = published()[operation.operation_id]
        assert found["security"] == ([] if operation.is_public else [{"bearer": []}])
        assert operation.is_public or f"`{operation.role}`" in found["description"]
    assert DOCUMENT["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"


def test_every_operation_publishes_its_problems_and_a_default_one() -> None:
    for operation in OPERATIONS:
        responses = published()[operation.operation_id]["responses"]
        problems = [*map(str, operation.error_statuses), "default"]
        assert set(responses) == {*map(str, operation.statuses), *problems}
        for status in problems:
            assert responses[status] == {
                "$ref": f"#/components/responses/Problem{status.capitalize()}"
            }
    for found in DOCUMENT["components"]["responses"].values():
        schema = found["content"]["application/problem+json"]["schema"]
        assert schema == {"$ref": "#/components/schemas/Problem"}
        assert "X-Request-Id" in found["headers"]
    assert "WWW-Authenticate" in DOCUMENT["components"]["responses"]["Problem401"]["headers"]
    assert "Retry-After" in DOCUMENT["components"]["responses"]["Problem429"]["headers"]


def test_success_is_published_with_its_bodies() -> None:
    found = published()
    thing = {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}}
    assert found["make_thing"]["responses"]["201"]["content"] == thing
    assert found["make_thing"]["responses"]["200"]["content"] == thing
    assert "content" not in found["read"]["responses"]["204"]
    assert "content" not in found["drop"]["responses"]["204"]
    text = {"schema": {"type": "string"}}
    assert found["hook"]["responses"]["200"]["content"] == {"text/xml": text}
    assert found["follow"]["responses"]["200"]["content"] == {"text/event-stream": text}
    assert found["misbehave"]["responses"]["200"]["content"] == {
        "application/json": {"schema": {"$ref": "#/components/schemas/Echo"}},
        "application/x-ndjson": {},
    }


def test_links_are_published_with_the_answers_that_lead_on() -> None:
    for status in ("200", "201"):
        assert published()["make_thing"]["responses"][status]["links"] == {
            "read": {"operationId": "read", "parameters": {"thing_id": "$response.body#/id"}}
        }
    assert "links" not in published()["read"]["responses"]["200"]


@pytest.mark.parametrize(
    "link", [Link("nothing", {}), Link("make_thing", {"id": "/id"}), Link("read", {"id": "/id"})]
)
def test_link_that_leads_nowhere_is_refused(link: Link) -> None:
    linking = [attrs.evolve(one, links=(link,)) for one in OPERATIONS]
    with pytest.raises(ValueError, match="links to"):
        build_document(linking, title="t", version="1")


def test_header_of_a_repetition_is_published_where_the_key_is_heeded() -> None:
    heeding = {
        name
        for name, operation in published().items()
        for status, response in operation["responses"].items()
        if "Idempotent-Replayed" in response.get("headers", {})
    }
    assert heeding == {"make_thing"}


def test_body_of_a_known_type_is_required() -> None:
    form = "application/x-www-form-urlencoded"
    (hook,) = (one for one in OPERATIONS if one.operation_id == "hook")
    (path,) = build_document([attrs.evolve(hook, body_type=form)], title="t", version="1")[
        "paths"
    ].values()
    assert path["post"]["requestBody"]["required"] is True
    assert path["post"]["requestBody"]["content"] == {form: {}}


def test_bodies_are_published() -> None:
    assert published()["make_thing"]["requestBody"] == {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/NewThing"}}},
    }
    assert published()["hook"]["requestBody"]["content"] == {"*/*": {}}
    assert "required" not in published()["hook"]["requestBody"]
    assert "requestBody" not in published()["follow"]


@attrs.frozen(kw_only=True)
class Both:
    """Is a query here and an answer there."""

    name: str


async def takes_both(request: ApiRequest[None, Both, None]) -> None: ...


async def gives_both(request: ApiRequest[None, None, None]) -> Both:
    return Both(name="")


def test_class_that_is_parameters_and_answer_is_published() -> None:
    operations = [
        Operation(
            method="GET", path=path, role=Role.PUBLIC, handler=handler, tag="t", errors=(418,)
        )
        for path, handler in (("/a", takes_both), ("/b", gives_both))
    ]
    document = build_document(operations, title="t", version="1")
    assert "Both" in document["components"]["schemas"]
    meaning = document["components"]["responses"]["Problem418"]["description"]
    assert meaning == "I'm a Teapot"
    assert list(OpenAPIV31SpecValidator(document).iter_errors()) == []


async def echo(request: ApiRequest[None, None, None]) -> Echo:
    return Echo(read="")


def test_status_that_is_success_and_problem_is_published_as_success() -> None:
    operation = Operation(
        method="GET",
        path="/a",
        role=Role.PUBLIC,
        handler=echo,
        tag="t",
        other_statuses=(503,),
        errors=(503,),
    )
    document = build_document([operation], title="t", version="1")
    assert "application/json" in document["paths"]["/a"]["get"]["responses"]["503"]["content"]


def test_two_operations_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="more than one operation list_things"):
        build_document([OPERATIONS[0], OPERATIONS[0]], title="t", version="1")


@pytest.mark.parametrize(
    ("operation_id", "method", "path", "body", "status", "media_type"),
    [
        ("list_things", "GET", "/things", None, 200, "application/json"),
        ("list_things", "GET", "/things?limit=0", None, 422, "application/problem+json"),
        ("make_thing", "POST", "/things", {"name": "a", "count": 1}, 201, "application/json"),
        ("make_thing", "POST", "/things", {}, 422, "application/problem+json"),
        ("read", "GET", f"/things/{THING}", None, 200, "application/json"),
        ("misbehave", "GET", "/misbehave", None, 500, "application/problem+json"),
    ],
)
async def test_answers_are_as_published(
    client: Client,
    *,
    operation_id: str,
    method: str,
    path: str,
    body: Any,
    status: int,
    media_type: str,
) -> None:
    response = await client.request(method, path, json=body, headers=as_role(Role.OWNER))
    assert (response.status, response.content_type) == (status, media_type)
    response_validator(operation_id, str(status), media_type).validate(await response.json())


def test_public_names_are_sorted_and_exist() -> None:
    names = api.__all__
    constants = [name for name in names if name.isupper()]
    classes = [name for name in names if not name.isupper() and name[0].isupper()]
    functions = [name for name in names if name.islower()]
    assert names == [*sorted(constants), *sorted(classes), *sorted(functions)]
    assert all(hasattr(api, name) for name in names)


def test_document_may_be_empty() -> None:
    document = build_document([], title="t", version="1")
    assert list(OpenAPIV31SpecValidator(document).iter_errors()) == []
    assert document["paths"] == {}
