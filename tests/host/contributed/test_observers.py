"""What goes wrong in the running service arrives at Sentry, and nothing of a client with it."""

import sys
from collections.abc import AsyncIterator

import pytest
import structlog.testing
from aiohttp.test_utils import TestServer

from clientflow_core.contributions.context import Process
from clientflow_core.contributions.routing import OutgoingMessage
from clientflow_core.ids import new_id
from clientflow_core.providers.observers import Observers
from clientflow_core.registry.bound import routers
from clientflow_core.sandbox import build_sandbox_app
from clientflow_host.assembly import assemble
from clientflow_host.plugin_moments import plugins_running
from clientflow_host.worker import working
from clientflow_plugins.sentry.sandbox import SentrySandbox
from tests.databases import Addresses
from tests.host.conftest import hosting
from tests.host.contributed.conftest import ACME
from tests.notebook import Notebook

HOOKS = (
    ACME.replace("plugin = Acme()", "")
    + """
# Put together, since the lines of the source are told.
WHO = "@".join(["ada", "example.com"])

async def spoil(draft, context):
    raise LookupError(WHO)

def choose(message, candidates):
    raise ArithmeticError(WHO)

class More(Acme):
    @hookimpl
    def clientflow_before_send(self):
        return [SendStep(name="spoil", phase=SendPhase.ENRICH, handle=spoil)]

    @hookimpl
    def clientflow_route(self):
        return [Router(name="wrong", choose=choose)]

    @hookimpl
    async def clientflow_startup(self, context):
        raise NameError(WHO)

plugin = More()
"""
)


@pytest.fixture
def body() -> str:
    return HOOKS


@pytest.fixture
async def sentry() -> AsyncIterator[SentrySandbox]:
    """A project of Sentry's."""
    credentials = SentrySandbox.new_credentials()
    box = SentrySandbox(base_url="http://later", host_url="http://none", credentials=credentials)
    async with TestServer(build_sandbox_app([box])) as server:
        box.base_url = str(server.make_url("/sentry"))
        yield box


async def test_errors_of_requests_jobs_and_hooks_arrive(
    values: dict[str, str], emptied: Addresses, sentry: SentrySandbox, sandbox: object
) -> None:
    async with (
        assemble(values | sentry.settings()) as assembly,
        hosting(emptied, assembly) as host,
        plugins_running(assembly, Process.WORKER),
        working(assembly),
    ):
        failed = await host.call("POST", "/api/v1/x/acme/orders/1", json={"amount": 14})
        assert failed.status == 500
        conversation = await host.conversation("Is Thursday free?")
        path = f"/conversations/{conversation['id']}/messages"
        assert (await host.post(path, {"body": "Yes."})).status == 202
        await host.quiet()
    state = sentry.state()
    told = {event["exception"]["values"][-1]["type"]: event for event in state["events"]}
    assert set(told) == {"KeyError", "LookupError", "NameError"}
    assert told["KeyError"]["tags"]["route"] == "/api/v1/x/acme/orders/{order_id}"
    assert told["LookupError"]["tags"] == {"plugin": "acme", "step": "spoil"}
    assert told["NameError"]["tags"] == {"plugin": "acme", "moment": "startup"}
    assert told["LookupError"]["transaction"] == "deliver_message"
    names = {one["transaction"] for one in state["transactions"]}
    assert names >= {"deliver_message", "POST /api/v1/x/acme/orders/{order_id}"}
    [sent] = [one for one in state["transactions"] if one["transaction"] == "deliver_message"]
    calls = [span["description"] for span in sent["spans"]]
    assert calls[-1] == "twilio.send"
    # Nor is Sentry told of what it is told.
    assert not [name for name in names if name.startswith("sentry")]
    shown = str(state)
    assert not [one for one in ("ada@", "Thursday", conversation["address"]) if one in shown]


async def test_router_that_fails_is_told(values: dict[str, str]) -> None:
    book = Notebook()
    async with assemble(values) as assembly:
        [router] = routers(assembly.registry.plugins, observers=Observers([book]))
        message = OutgoingMessage(
            message_id=new_id(),
            organization_id=new_id(),
            medium="text",
            country=None,
            recipient="+14155550123",
            body="Yes.",
        )
        assert router.choose(message, ()) is None
    [(error, fields)] = book.errors
    assert (type(error), fields) == (ArithmeticError, {"plugin": "acme", "router": "wrong"})


async def test_observer_that_cannot_be_opened_is_logged_and_the_service_runs(
    values: dict[str, str], sentry: SentrySandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "clientflow_plugins.sentry.provider", None)
    with structlog.testing.capture_logs() as lines:
        async with assemble(values | sentry.settings()) as assembly:
            assert not assembly.observers
    [line] = [one for one in lines if one["event"] == "observer_not_opened"]
    assert line["provider"] == "sentry"
