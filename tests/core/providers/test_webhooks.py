import datetime as dt
from collections.abc import Sequence
from typing import Any, cast

import attrs
import pytest
from multidict import CIMultiDict

from clientflow_core.domain.messages import ProviderEvent
from clientflow_core.providers.webhooks import MEBIBYTE, Verified, WebhookRequest, WebhookSpec

REQUEST = WebhookRequest(
    method="POST",
    url="https://a.example/webhooks/sms",
    headers={},
    body=b"",
    received_at=dt.datetime.now(dt.UTC),
)


def verify(request: WebhookRequest, settings: Any, /) -> Verified:
    return Verified(external_id=request.method, account=str(settings))


def parse(_: WebhookRequest) -> Sequence[ProviderEvent]:
    return ()


async def verify_later(request: WebhookRequest, settings: Any, /) -> Verified:
    return verify(request, settings)


def test_request_takes_headers_as_any_framework_has_them() -> None:
    headers = CIMultiDict({"Content-Type": "text/plain", "X-Signature": "ä"})
    request = attrs.evolve(REQUEST, headers=headers)
    assert request.headers == {"content-type": "text/plain", "x-signature": "ä"}


def test_request_arrives_now_unless_it_is_told_when() -> None:
    before = dt.datetime.now(dt.UTC)
    request = WebhookRequest(method="POST", url=REQUEST.url, headers={}, body=b"")
    assert before <= request.received_at <= dt.datetime.now(dt.UTC)
    at = dt.datetime(2026, 11, 24, tzinfo=dt.UTC)
    assert attrs.evolve(request, received_at=at).received_at == at


def test_webhook_is_served_under_its_name() -> None:
    spec = WebhookSpec(name="twilio-status", verify=verify, parse=parse)
    assert spec.path == "/webhooks/twilio-status"
    assert spec.max_body_bytes == MEBIBYTE
    assert spec.verify(REQUEST, "x") == Verified(external_id="POST", account="x")


@pytest.mark.parametrize(
    "name", ["", "Twilio", "a/b", "a b", "-a", "a-", "a--b", "a_b", "..", "a\n", "ä"]
)
def test_name_that_would_not_do_in_a_path_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="name"):
        WebhookSpec(name=name, verify=verify, parse=parse)


def test_there_is_no_webhook_without_a_verifier() -> None:
    with pytest.raises(TypeError, match="verify"):
        WebhookSpec(name="sms", parse=parse)  # type: ignore[call-arg]  # what is tested
    with pytest.raises(TypeError, match="the verify of a webhook must be a function"):
        WebhookSpec(name="sms", verify=cast("Any", None), parse=parse)


@pytest.mark.parametrize("argument", ["verify", "parse"])
def test_async_function_is_refused_since_nobody_would_await_it(argument: str) -> None:
    functions: dict[str, Any] = {"verify": verify, "parse": parse} | {argument: verify_later}
    with pytest.raises(TypeError, match=f"the {argument} of a webhook .* not async"):
        WebhookSpec(name="sms", **functions)


def test_headers_to_keep_may_be_written_in_any_case() -> None:
    spec = WebhookSpec(
        name="sms", verify=verify, parse=parse, keep_headers=frozenset({"X-Signature", "date"})
    )
    assert spec.keep_headers == {"x-signature", "date"}
