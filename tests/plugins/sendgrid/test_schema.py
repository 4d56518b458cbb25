"""Both sides held against SendGrid's own OpenAPI documents: what the sandbox says, what we ask."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aiohttp
import attrs
import jsonschema  # type: ignore[import-untyped]  # it has none of its own
import pytest

from clientflow_core.domain.email.parts import Attachment, EmailParts
from clientflow_core.domain.messages import OutboundMessage
from clientflow_core.ids import new_id
from clientflow_plugins.sendgrid.mail import build_mail
from clientflow_plugins.sendgrid.sandbox import (
    BOUNCING_ADDRESS,
    UNSUBSCRIBED_ADDRESS,
    SendgridSandbox,
)
from clientflow_plugins.sendgrid.sandbox.acceptance import check_mail
from clientflow_plugins.sendgrid.sandbox.webhook_settings import EVENT_FIELDS, PARSE_FIELDS
from clientflow_plugins.sendgrid.settings import SendgridSettings
from tests.plugins.sendgrid.conftest import CLIENT, settings_with, until

SCHEMA: dict[str, Any] = json.loads(
    (Path(__file__).parent / "sendgrid_v3.schema.json").read_text("utf-8")
)
FULL = EmailParts(
    subject="Größe 42 👍",
    in_reply_to="<a@example.com>",
    references=("<first@example.com>", "<a@example.com>"),
    reply_to="team@acme.example.com",
    sender_name="Acme, Inc.",
    html="<p>Hello</p>",
    attachments=(
        Attachment(
            name="invite.ics",
            content_type="text/calendar; charset=utf-8; method=REQUEST",
            content=b"BEGIN:VCALENDAR",
        ),
        Attachment(name="offer.pdf", content_type="application/pdf", content=b"%PDF"),
    ),
)


def _close(schema: Any) -> Any:
    """Refuse whatever the document does not name."""
    if isinstance(schema, list):
        return [_close(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {name: _close(value) for name, value in schema.items()}
    return closed | {"additionalProperties": False} if "properties" in schema else closed


def check(name: str, value: object) -> None:
    """Hold *value* against the definition *name*."""
    schema = {"$ref": f"#/$defs/{name}", "$defs": _close(SCHEMA["$defs"])}
    jsonschema.Draft202012Validator(schema).validate(value)


@attrs.define
class Api:
    """The sandbox's API, asked directly."""

    http: aiohttp.ClientSession
    sandbox: SendgridSandbox

    @property
    def headers(self) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {self.sandbox.credentials['SENDGRID_API_KEY']}"}

    async def get(self, path: str) -> Any:
        url = f"{self.sandbox.base_url}/v3/{path}"
        async with self.http.get(url, headers=self.headers) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def patch(self, path: str, body: Any) -> tuple[int, Any]:
        url = f"{self.sandbox.base_url}/v3/user/webhooks/{path}"
        async with self.http.patch(url, headers=self.headers, json=body) as answer:
            return answer.status, await answer.json()

    async def send(self, body: Any) -> tuple[int, Any]:
        url = f"{self.sandbox.base_url}/v3/mail/send"
        async with self.http.post(url, headers=self.headers, json=body) as answer:
            text = await answer.text()
            return answer.status, json.loads(text) if text else None


@pytest.fixture
def api(http: aiohttp.ClientSession, sandbox: SendgridSandbox) -> Api:
    return Api(http, sandbox)


class TestSandbox:
    @pytest.mark.parametrize(
        ("path", "name"),
        [
            ("scopes", "scopes"),
            ("verified_senders", "verified_senders"),
            ("whitelabel/domains", "domains"),
            ("user/webhooks/event/settings/all", "EventWebhookAllResponse"),
            ("user/webhooks/parse/settings", "parse_settings"),
            ("user/webhooks/security/policies", "security_policies"),
            (f"suppression/bounces/{CLIENT}", "bounces"),
            (f"suppression/spam_reports/{CLIENT}", "spam_reports"),
            (f"asm/suppressions/global/{CLIENT}", "global_suppression"),
            (f"asm/suppressions/global/{UNSUBSCRIBED_ADDRESS}", "global_suppression"),
        ],
    )
    async def test_look_ups(self, api: Api, path: str, name: str) -> None:
        check(name, await api.get(path))

    async def test_bounce_that_is_there(
        self, api: Api, message: OutboundMessage, settings: SendgridSettings
    ) -> None:
        to_nobody = attrs.evolve(message, recipient=BOUNCING_ADDRESS)
        assert await api.send(build_mail(to_nobody, settings)) == (202, None)
        await until(lambda: bool(api.sandbox.state()["bounced"]))
        found = await api.get(f"suppression/bounces/{BOUNCING_ADDRESS}")
        assert len(found) == 1
        check("bounces", found)

    async def test_webhooks_that_are_set(self, api: Api) -> None:
        (webhook,) = (await api.get("user/webhooks/event/settings/all"))["webhooks"]
        body = {"enabled": True, "url": "https://a.example/events", "bounce": True}
        check("EventWebhookRequest", body)
        status, made = await api.patch(f"event/settings/{webhook['id']}", body)
        check("EventWebhookUnsignedResponse", made)
        assert (status, made["bounce"], made["open"]) == (200, True, False)
        (setting,) = (await api.get("user/webhooks/parse/settings"))["result"]
        status, made = await api.patch(
            f"parse/settings/{setting['hostname']}", {"url": "https://a.example/inbound"}
        )
        check("ParseSetting", made)
        assert (status, made | {"url": setting["url"]}) == (200, setting)
        assert set(EVENT_FIELDS) <= set(SCHEMA["$defs"]["EventWebhookRequest"]["properties"])
        assert set(PARSE_FIELDS) <= set(SCHEMA["$defs"]["ParseSetting"]["properties"])

    @pytest.mark.parametrize(
        "body", [[], {}, {"url": "elsewhere"}, {"url": 1}, {"url": "https://a", "bounces": True}]
    )
    async def test_webhooks_that_cannot_be_set_so(self, api: Api, body: Any) -> None:
        (webhook,) = (await api.get("user/webhooks/event/settings/all"))["webhooks"]
        status, said = await api.patch(f"event/settings/{webhook['id']}", body)
        assert status == 400
        check("ErrorResponse", said)
        for path in ("event/settings/none", "parse/settings/none.example"):
            assert (await api.patch(path, {"url": "https://a.example"}))[0] == 404

    async def test_refusals(self, api: Api) -> None:
        status, body = await api.send({})
        assert status == 400
        check("ErrorResponse", body)
        async with api.http.get(f"{api.sandbox.base_url}/v3/scopes") as answer:
            assert answer.status == 401
            check("ErrorResponse", await answer.json())


class TestRequests:
    @pytest.mark.parametrize("email", [None, EmailParts(), FULL])
    @pytest.mark.parametrize("sandbox_mode", ["yes", "no"])
    def test_mail(self, email: EmailParts | None, sandbox_mode: str) -> None:
        body = build_mail(
            _message(email),
            settings_with(
                SENDGRID_SANDBOX_MODE=sandbox_mode, SENDGRID_REPLY_EMAIL="a@parse.acme.example.com"
            ),
        )
        check("mail", body)
        check_mail(body, size_bytes=1, domain="acme.example.com")

    def test_mail_fits_the_whole_document_too(self) -> None:
        folder = os.environ.get("CLIENTFLOW_SPECS")
        if not folder:
            pytest.skip("CLIENTFLOW_SPECS names no folder with the official documents")
        document = json.loads((Path(folder) / "sendgrid_mail_v3.json").read_text("utf-8"))
        schema = {
            "$ref": "#/components/requestBodies/PostMailSend/content/application~1json/schema",
            "components": document["components"],
        }
        jsonschema.Draft202012Validator(schema).validate(
            build_mail(_message(FULL), settings_with())
        )


def _message(email: EmailParts | None) -> OutboundMessage:
    return OutboundMessage(
        attempt_id=new_id(),
        sender="a@parse.acme.example.com",
        recipient=CLIENT,
        body="Hello",
        email=email,
    )


class TestThisCheck:
    """That the schema is strict enough to find something."""

    @pytest.mark.parametrize(
        "change",
        [
            {"from": "hello@acme.example.com"},
            {"from": {"name": "Acme"}},
            {"subject": ""},
            {"personalizations": [{}]},
            {"content": [{"type": "text/plain"}]},
            {"categories": ["a", "a"]},
            {"custom_args": {"a": "b"}},
            {"mail_settings": {"sandbox_mode": {"enable": "true"}}},
            {"unheard_of": 1},
        ],
    )
    def test_faulty_mail_is_found(self, change: dict[str, object]) -> None:
        good = build_mail(_message(FULL), settings_with())
        check("mail", good)
        with pytest.raises(jsonschema.ValidationError):
            check("mail", {**good, **change})

    def test_source_and_license_are_named(self) -> None:
        assert "github.com/twilio/sendgrid-oai" in SCHEMA["$comment"]
        assert "MIT" in SCHEMA["$license"]
