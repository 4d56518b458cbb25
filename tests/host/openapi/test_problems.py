"""Errors as responses: the one table of statuses, and what a caller may read."""

import inspect
import json
from typing import Any

import pytest
from aiohttp import web

from clientflow_core import errors
from clientflow_host.openapi import (
    STATUSES,
    HttpProblem,
    internal_problem,
    problem_of,
    problem_of_http,
    status_of,
)

TREE = {
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, errors.ClientFlowError)
}


def body_of(response: web.Response) -> dict[str, Any]:
    assert response.content_type == "application/problem+json"
    assert isinstance(response.body, bytes)
    found: dict[str, Any] = json.loads(response.body)
    return found


def test_every_error_of_core_has_a_status() -> None:
    assert set(STATUSES) == TREE


def test_codes_are_one_for_each_class() -> None:
    assert len({kind.code for kind in TREE}) == len(TREE)


def test_statuses_are_those_of_errors() -> None:
    assert all(400 <= status < 600 for status in STATUSES.values())


@pytest.mark.parametrize(
    ("error", "status", "code", "retry_after"),
    [
        (errors.InvalidInput("x"), 422, "invalid_input", None),
        (errors.Unauthenticated("x"), 401, "unauthenticated", None),
        (errors.NotAllowed("x"), 403, "not_allowed", None),
        (errors.NotFound("x"), 404, "not_found", None),
        (errors.Conflict("x"), 409, "conflict", None),
        (errors.IdempotencyMismatch("x"), 422, "idempotency_mismatch", None),
        (errors.Overloaded("x"), 503, "overloaded", "1"),
        (errors.Overloaded("x", retry_after_seconds=7), 503, "overloaded", "7"),
        (errors.SignatureRefused("x"), 403, "signature_refused", None),
        (errors.BadPayload("x"), 400, "bad_payload", None),
        (errors.ProviderRefused("x"), 502, "provider_refused", None),
        (errors.RejectedInput("x"), 422, "provider_rejected_input", None),
        (errors.ProviderUnavailable("x"), 503, "provider_unavailable", "30"),
        (
            errors.ProviderUnavailable("x", retry_after_seconds=1.2),
            503,
            "provider_unavailable",
            "2",
        ),
        (errors.RateLimited("x", retry_after_seconds=0), 503, "provider_rate_limited", "1"),
        (
            errors.RateLimited("x", retry_after_seconds=float("inf")),
            503,
            "provider_rate_limited",
            "30",
        ),
        (errors.ProviderCannot("x"), 422, "provider_cannot", None),
        (errors.OutcomeUnknown("x"), 502, "provider_outcome_unknown", None),
        (HttpProblem(412, "changed", "x", headers={"Retry-After": "9"}), 412, "changed", "9"),
        (HttpProblem(429, "too_fast", "x"), 429, "too_fast", None),
    ],
)
def test_error_becomes_a_problem(
    error: errors.ClientFlowError, status: int, code: str, retry_after: str | None
) -> None:
    response = problem_of(error, request_id="r")
    assert status_of(error) == response.status == status
    assert response.headers.get("Retry-After") == retry_after
    assert response.headers["X-Request-Id"] == "r"
    assert body_of(response) == {
        "type": f"/problems/{code}",
        "title": code.replace("_", " ").capitalize(),
        "status": status,
        "detail": "x",
        "code": code,
        "request_id": "r",
        "errors": [],
    }


@pytest.mark.parametrize(
    ("error", "status", "retry_after"),
    [
        (errors.DatabaseUnfit("secret"), 503, "30"),
        (errors.EmbeddedServerError("secret"), 503, "30"),
        (errors.PluginError("secret"), 503, "30"),
        (errors.AuthFailed("secret"), 502, None),
        (errors.SettingsError([errors.SettingProblem("secret", "secret")]), 500, None),
        (errors.ClientFlowError("secret"), 500, None),
    ],
)
def test_what_is_for_operators_is_not_told_to_callers(
    error: errors.ClientFlowError, status: int, retry_after: str | None
) -> None:
    response = problem_of(error)
    found = body_of(response)
    assert response.status == found["status"] == status
    assert response.headers.get("Retry-After") == retry_after
    assert "secret" not in json.dumps(found)
    assert found["detail"]


def test_error_of_a_plugin_has_the_status_of_its_nearest_base() -> None:
    class SlowDown(errors.RateLimited):
        code = "slow_down"

    assert status_of(SlowDown("x")) == 503
    assert body_of(problem_of(SlowDown("x")))["code"] == "slow_down"


def test_broken_fields_are_listed() -> None:
    error = errors.InvalidInput("x", [errors.FieldError("/a", "b")])
    assert body_of(problem_of(error))["errors"] == [{"pointer": "/a", "detail": "b"}]


def test_unauthenticated_says_how_to_sign_in() -> None:
    assert problem_of(errors.Unauthenticated("x")).headers["WWW-Authenticate"] == "Bearer"


def test_internal_problem_says_nothing_of_its_cause() -> None:
    found = body_of(internal_problem(request_id="r"))
    assert (found["status"], found["code"], found["request_id"]) == (500, "internal", "r")


@pytest.mark.parametrize(
    ("error", "code", "detail"),
    [
        (web.HTTPNotFound(), "not_found", "Not Found"),
        (web.HTTPNotFound(text="no such page"), "not_found", "no such page"),
        (web.HTTPMethodNotAllowed("PUT", ["GET"]), "method_not_allowed", "Method Not Allowed"),
        (
            web.HTTPRequestEntityTooLarge(10),
            "payload_too_large",
            "Maximum request body size 10 exceeded.",
        ),
        (web.HTTPUnprocessableEntity(), "unprocessable_content", "Unprocessable Entity"),
        (web.HTTPServiceUnavailable(), "service_unavailable", "Service Unavailable"),
    ],
)
def test_error_of_aiohttp_becomes_a_problem(
    error: web.HTTPException, code: str, detail: str
) -> None:
    response = problem_of_http(error, request_id="r")
    found = body_of(response)
    assert response.status == found["status"] == error.status
    assert (found["code"], found["detail"], found["request_id"]) == (code, detail, "r")
    assert response.headers.get("Allow") == error.headers.get("Allow")
    assert response.headers.getall("Content-Type") == ["application/problem+json"]
