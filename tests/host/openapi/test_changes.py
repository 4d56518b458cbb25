"""What a caller written for an older document would stumble over."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from clientflow_host.app import api_document
from clientflow_host.openapi.changes import breaking_changes

pytestmark = pytest.mark.proves("UA4")
CONTACTS = "/api/v1/contacts"


def schema(document: Any, name: str) -> Any:
    return document["components"]["schemas"][name]


def remove_operation(new: Any) -> None:
    del new["paths"][CONTACTS]["post"]


def remove_answered_field(new: Any) -> None:
    del schema(new, "ContactView")["properties"]["name"]


def demand_field(new: Any) -> None:
    schema(new, "NewContact")["required"].append("name")


def demand_parameter(new: Any) -> None:
    new["paths"][CONTACTS]["get"]["parameters"][0]["required"] = True


def change_type(new: Any) -> None:
    schema(new, "NewContact")["properties"]["phone"]["type"] = "integer"


def change_status(new: Any) -> None:
    answers = new["paths"][CONTACTS]["post"]["responses"]
    answers["200"] = answers.pop("201")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (remove_operation, "POST /api/v1/contacts is gone"),
        (remove_answered_field, "gives name no more"),
        (demand_field, "POST /api/v1/contacts takes name, which must be given now"),
        (demand_parameter, "GET /api/v1/contacts: limit must be given now"),
        (change_type, "POST /api/v1/contacts takes phone: integer, not string"),
        (change_status, "POST /api/v1/contacts does not answer 201 any more"),
    ],
)
def test_what_breaks_callers_is_found(change: Callable[[Any], None], words: str) -> None:
    old = api_document()
    new = copy.deepcopy(old)
    change(new)
    assert any(words in found for found in breaking_changes(old, new)), list(
        breaking_changes(old, new)
    )


def test_what_is_added_breaks_nobody() -> None:
    old = api_document()
    new = copy.deepcopy(old)
    new["paths"]["/api/v1/new"] = new["paths"][CONTACTS]
    schema(new, "ContactView")["properties"]["more"] = {"type": "string"}
    schema(new, "NewContact")["properties"]["more"] = {"type": "string"}
    assert list(breaking_changes(old, new)) == []
