"""A webhook of a plugin's own: verified, kept once, and handled by a job in the plugin's lane."""

from types import ModuleType
from typing import Final

import pytest

from clientflow_core.errors import PluginError, SettingsError
from clientflow_core.registry.finding import discover_plugins
from clientflow_host.assembly import load_everything
from clientflow_host.plugin_work import plugin_lanes
from tests.core.registry.conftest import Install
from tests.host.conftest import Answer, Host, until
from tests.host.contributed.conftest import HEAD, jobs

FORM: Final = (
    HEAD
    + """
@attrs.frozen(kw_only=True)
class FormSettings:
    key: Secret = setting(env="FORM_KEY", help="the key", default=Secret("hush"))

def verify(request, settings):
    if request.headers.get("x-key") != settings.key.reveal():
        raise SignatureRefused("the key does not fit")
    return Verified(external_id=request.headers["x-id"], account="acme")

async def handle(received, context):
    SEEN.append((received.external_id, received.account, received.body, dict(received.headers),
                 received.url, context.organization_id, context.plugin))
    if received.body == b"junk":
        raise BadPayload("nobody can read it")
    context.enqueue("note", {"form": received.external_id})
    fail_if_asked("handle")

async def note(context):
    SEEN.append(("note", context.organization_id, dict(context.args)))

class Acme(Hooks):
    @hookimpl
    def clientflow_settings(self):
        return [FormSettings]

    @hookimpl
    def clientflow_webhooks(self):
        return [PluginWebhook(name="form", settings=FormSettings, verify=verify, handle=handle,
                              keep_headers={"X-Id"}, max_body_bytes=100, reply_body="thanks")]

    @hookimpl
    def clientflow_jobs(self):
        return [JobSpec(name="note", handle=note)]

plugin = Acme()
"""
)
_DUE = """
    UPDATE jobs SET run_at = now() WHERE id IN (
        SELECT id FROM jobs WHERE last_error IS NOT NULL AND claimed_by IS NULL
        FOR UPDATE SKIP LOCKED)
"""


@pytest.fixture
def body() -> str:
    """The code of the plugin."""
    return FORM


async def fill_in(host: Host, what: str, *, key: str = "hush", body: bytes = b"a=1") -> Answer:
    """Post a form."""
    headers = {"X-Key": key, "X-Id": what}
    return await host.bare("POST", "/webhooks/form", data=body, headers=headers)


def events(host: Host) -> list[tuple[object, ...]]:
    return host.rows("SELECT external_id, state, reason FROM inbound_events ORDER BY id")


async def test_webhook_is_kept_answered_and_then_handled_once(
    working_host: Host, acme: ModuleType
) -> None:
    for _ in range(3):
        answer = await fill_in(working_host, "f1")
        assert (answer.status, answer.body) == (200, "thanks")
    await working_host.quiet()
    assert [one for one in acme.SEEN if one[0] == "f1"] == [
        (
            "f1", "acme", b"a=1", {"x-id": "f1"},
            f"{working_host.assembly.settings.url}/webhooks/form", None, "acme",
        )
    ]  # fmt: skip
    assert acme.SEEN[-1] == ("note", None, {"form": "f1"})
    assert events(working_host) == [("f1", "done", None)]


async def test_answer_comes_after_the_event_and_its_job_are_durable(
    host: Host, acme: ModuleType
) -> None:
    assert (await fill_in(host, "f1")).status == 200
    assert events(host) == [("f1", "received", None)]
    assert [kind for _, kind, _, _ in jobs(host)] == ["handle_inbound_event"]
    assert acme.SEEN == []


async def test_webhook_that_is_not_proven_is_refused_and_not_kept(
    host: Host, acme: ModuleType
) -> None:
    assert (await fill_in(host, "f1", key="guess")).code == "signature_refused"
    assert (await fill_in(host, "f1", body=b"x" * 101)).status == 413
    assert events(host) == []


async def test_what_fails_is_done_again_and_asks_for_its_jobs_once(
    working_host: Host, acme: ModuleType
) -> None:
    acme.FAILING.add("handle")
    assert (await fill_in(working_host, "f1")).status == 200

    async def has_failed() -> bool:
        return working_host.rows("SELECT 1 FROM jobs WHERE last_error = 'ValueError'") != []

    await until(has_failed)
    assert events(working_host) == [("f1", "received", None)]
    assert jobs(working_host)[0][:2] == ("plugin.acme", "acme.on_webhook.form")
    acme.FAILING.clear()

    async def is_done() -> bool:
        working_host.rows(_DUE)
        return working_host.count("jobs") == 0

    await until(is_done)
    assert events(working_host) == [("f1", "done", None)]
    assert [one for one in acme.SEEN if one[0] == "note"] == [("note", None, {"form": "f1"})]


async def test_what_nobody_can_read_is_given_up_at_once_with_the_reason(
    working_host: Host, acme: ModuleType
) -> None:
    assert (await fill_in(working_host, "f1", body=b"junk")).status == 200
    await working_host.quiet()
    assert events(working_host) == [("f1", "failed", "nobody can read it")]
    assert len(acme.SEEN) == 1


async def test_same_id_at_a_provider_is_another_thing(host: Host, acme: ModuleType) -> None:
    await fill_in(host, "f1")
    assert host.rows("SELECT provider, webhook FROM inbound_events") == [("acme.form", "form")]


async def test_it_is_published_and_its_plugin_has_a_lane(host: Host, acme: ModuleType) -> None:
    document = (await host.bare("GET", "/api/openapi.json")).body
    assert document["paths"]["/webhooks/form"]["post"]["operationId"] == "receive_form"
    assert list(plugin_lanes(host.assembly.registry.plugins)) == ["plugin.acme"]


def test_name_of_anothers_webhook_is_refused(install: Install) -> None:
    install("twin", body=FORM)
    with pytest.raises(PluginError, match="both bring a webhook named 'form'"):
        discover_plugins(names=["acme", "twin"])
    values = {"CLIENTFLOW_PLUGINS": "acme,twin", "CLIENTFLOW_PUBLIC_URL": "https://a.example"}
    with pytest.raises((PluginError, SettingsError), match="webhook named 'form'"):
        load_everything(values)
