"""What the checklist tells of the account, asked of the sandbox."""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from typing import Any

import attrs
import dns.asyncresolver
import dns.message
import dns.resolver
import dns.rrset
import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer
from typing_extensions import override

from clientflow_core.clock import SystemClock
from clientflow_core.contributions.checks import CheckContext, CheckResult
from clientflow_core.errors import ClientFlowError, ProviderUnavailable
from clientflow_core.registry.bound import plugin_context
from clientflow_core.registry.registry import ProviderRegistry
from clientflow_core.sandbox import build_sandbox_app
from clientflow_host.checklist.plugin_checks import plugin_checks
from clientflow_plugins.sendgrid.checks import CHECKS
from clientflow_plugins.sendgrid.sandbox import BOUNCING_ADDRESS, SendgridSandbox
from clientflow_plugins.sendgrid.sandbox.signing import make_key, public_text
from tests.checked import checked
from tests.plugins.sendgrid.conftest import API_KEY, Host

FROM_API = ["EG1", "EG2", "EG3", "EG4", "EG5", "EG6", "sendgrid-events", "sendgrid-suppressions"]
FROM_DNS = ["sendgrid-dmarc", "sendgrid-mx"]
STRANGER = public_text(make_key("a stranger", "events"))


async def told(host: Host, sandbox: SendgridSandbox, **changed: str) -> dict[str, CheckResult]:
    values = {name: text for name, text in (sandbox.settings() | changed).items() if text}
    async with ProviderRegistry.from_values(values, names=["sendgrid"]) as registry:
        return await checked(registry, public_url=host.url)


def states(items: dict[str, CheckResult]) -> dict[str, str]:
    return {name: item.status.value for name, item in items.items()}


async def test_account_as_it_should_be_passes(host: Host, sandbox: SendgridSandbox) -> None:
    items = await told(host, sandbox)
    expected = dict.fromkeys(FROM_API, "passed") | dict.fromkeys(FROM_DNS, "skipped")
    assert states(items) == expected
    assert items["EG4"].found == f"{host.url}/webhooks/sendgrid-inbound, with a security policy"


async def test_wrong_key_fails_everywhere_and_is_not_shown(
    host: Host, sandbox: SendgridSandbox
) -> None:
    items = await told(host, sandbox, SENDGRID_API_KEY=API_KEY)
    assert {states(items)[name] for name in FROM_API} == {"failed"}
    assert all("SENDGRID_API_KEY" in items[name].hint for name in FROM_API)
    assert API_KEY not in str(items)


async def test_keys_that_do_not_fit_are_told(host: Host, sandbox: SendgridSandbox) -> None:
    items = await told(
        host, sandbox, SENDGRID_PUBLIC_KEY=STRANGER, SENDGRID_INBOUND_PUBLIC_KEY=STRANGER
    )
    assert items["EG3"].found == "no event webhook signs by SENDGRID_PUBLIC_KEY"
    assert items["EG4"].found == "no security policy has SENDGRID_INBOUND_PUBLIC_KEY"
    nothing = await told(host, sandbox, SENDGRID_PUBLIC_KEY="", SENDGRID_INBOUND_PUBLIC_KEY="")
    assert nothing["EG3"].found == "SENDGRID_PUBLIC_KEY is not set"
    assert "nothing proves who posts" in nothing["EG4"].found
    no_point = STRANGER[:36] + "A" * 86 + "=="
    broken = await told(host, sandbox, SENDGRID_INBOUND_PUBLIC_KEY=no_point)
    assert broken["EG3"].found == "SENDGRID_INBOUND_PUBLIC_KEY is no key on P-256"


async def test_token_passes_and_is_not_shown(host: Host) -> None:
    token = "t" * 32
    credentials = SendgridSandbox.new_credentials() | {"SENDGRID_INBOUND_TOKEN": token}
    made = SendgridSandbox(base_url="http://x", host_url=host.url, credentials=credentials)
    async with TestServer(build_sandbox_app([made])) as server:
        made.base_url = str(server.make_url("/sendgrid"))
        items = await told(host, made)
    assert states(items)["EG4"] == "passed"
    assert "with a token" in items["EG4"].found
    assert token not in str(items)


async def test_webhooks_that_lead_elsewhere_fail(host: Host, sandbox: SendgridSandbox) -> None:
    sandbox.host_url = "https://elsewhere.example"
    items = await told(host, sandbox)
    assert items["EG4"].found == "https://elsewhere.example/webhooks/sendgrid-inbound"
    assert items["sendgrid-events"].found == "https://elsewhere.example/webhooks/sendgrid-events"
    for name in ("EG4", "sendgrid-events"):
        assert (items[name].status.value, bool(items[name].hint)) == ("failed", True)


async def mended(host: Host, sandbox: SendgridSandbox, name: str, **changed: str) -> str:
    """Let the fix of a check be done, and give what it says."""
    values = {key: text for key, text in (sandbox.settings() | changed).items() if text}
    async with ProviderRegistry.from_values(values, names=["sendgrid"]) as registry:
        checks = plugin_checks(registry, public_url=host.url, clock=SystemClock())
        (one,) = [check for check in checks if check.id == name]
        return await one.fix()


async def test_webhooks_that_lead_elsewhere_are_led_here(
    host: Host, sandbox: SendgridSandbox
) -> None:
    sandbox.host_url = "https://elsewhere.example"
    said = [await mended(host, sandbox, name) for name in ("EG4", "sendgrid-events")]
    assert f"is posted to {host.url}/webhooks/sendgrid-inbound." in said[0]
    assert said[1] == f"Events are posted to {host.url}/webhooks/sendgrid-events."
    found = states(await told(host, sandbox))
    assert (found["EG3"], found["EG4"], found["sendgrid-events"]) == ("passed",) * 3
    # Which account it is about stays in the address.
    assert "?account=" in sandbox._events_url()


async def test_events_that_are_missing_are_switched_on_and_no_other_off(
    host: Host, sandbox: SendgridSandbox
) -> None:
    sandbox._events_set = {"enabled": False, "bounce": False, "open": False}
    item = (await told(host, sandbox))["sendgrid-events"]
    assert item.status.value == "failed"
    await mended(host, sandbox, "sendgrid-events")
    kept = sandbox._event_webhook()
    assert (kept["enabled"], kept["bounce"], kept["click"], kept["open"]) == (
        True,
        True,
        True,
        False,
    )
    assert states(await told(host, sandbox))["sendgrid-events"] == "passed"


async def test_token_is_set_with_the_address_and_not_told(
    host: Host, sandbox: SendgridSandbox
) -> None:
    values = {"SENDGRID_INBOUND_PUBLIC_KEY": "", "SENDGRID_INBOUND_TOKEN": "t" * 32}
    assert "t" * 32 not in await mended(host, sandbox, "EG4", **values)
    assert sandbox._inbound_url().endswith(f"&token={'t' * 32}")


async def test_webhook_that_is_not_ours_is_left_alone(host: Host, sandbox: SendgridSandbox) -> None:
    with pytest.raises(ClientFlowError, match="no event webhook signs by SENDGRID_PUBLIC_KEY"):
        await mended(host, sandbox, "sendgrid-events", SENDGRID_PUBLIC_KEY=STRANGER)
    other = {"SENDGRID_FROM_EMAIL": "hello@stranger.example.com"}
    with pytest.raises(ClientFlowError, match="Inbound Parse does not know stranger"):
        await mended(host, sandbox, "EG4", **other)
    with pytest.raises(ClientFlowError):
        await mended(host, sandbox, "EG4", SENDGRID_API_KEY=API_KEY)
    assert (sandbox._events_set, sandbox._parse_set) == ({}, {})


async def test_address_that_is_not_ours_fails(host: Host, sandbox: SendgridSandbox) -> None:
    items = await told(host, sandbox, SENDGRID_FROM_EMAIL="hello@stranger.example.com")
    bad = {name for name, state in states(items).items() if state == "failed"}
    assert bad == {"EG2", "EG4", "EG5", "EG6"}
    other = f"other@{sandbox.credentials['SENDGRID_FROM_EMAIL'].rpartition('@')[2]}"
    items = await told(host, sandbox, SENDGRID_FROM_EMAIL=other)
    assert (states(items)["EG2"], states(items)["EG6"]) == ("passed", "skipped")


async def test_verified_sender_needs_no_domain(host: Host, sandbox: SendgridSandbox) -> None:
    sandbox._domain = "elsewhere.example.com"
    items = await told(host, sandbox)
    assert items["EG2"].found.endswith("is a verified sender")
    found = {name: states(items)[name] for name in ("EG2", "EG5", "EG6")}
    assert found == {"EG2": "passed", "EG5": "failed", "EG6": "passed"}


async def test_suppressed_address_fails(host: Host, sandbox: SendgridSandbox) -> None:
    items = await told(host, sandbox, SENDGRID_FROM_EMAIL="unsubscribed@example.com")
    assert items["sendgrid-suppressions"].found == "unsubscribed@example.com is unsubscribed"
    assert BOUNCING_ADDRESS not in str(items)


async def test_mighty_key_passes_with_a_warning_and_a_weak_one_fails(
    host: Host, sandbox: SendgridSandbox
) -> None:
    sandbox.scopes = ("mail.send", "api_keys.create")
    item = (await told(host, sandbox))["EG1"]
    assert (item.status.value, "full access" in item.found, bool(item.hint)) == (
        "passed",
        True,
        True,
    )
    sandbox.scopes = ("alerts.read",)
    assert states(await told(host, sandbox))["EG1"] == "failed"


@attrs.define
class Asked:
    """A check that is asked of an API of which every answer is the same."""

    status: int
    body: Any

    async def result(self, name: str, **changed: str) -> CheckResult:
        async def answer(_: web.Request) -> web.Response:
            return web.json_response(self.body, status=self.status)

        app = web.Application()
        app.router.add_get("/{path:.*}", answer)
        async with TestServer(app) as server, ClientSession() as http:
            url = str(server.make_url("")).rstrip("/")
            return await run_one(name, http, SENDGRID_API_BASE_URL=url, **changed)


async def run_one(name: str, http: ClientSession, **changed: str) -> CheckResult:
    values = {
        "SENDGRID_API_KEY": API_KEY,
        "SENDGRID_FROM_EMAIL": "hello@acme.example.com",
        "SENDGRID_PUBLIC_KEY": STRANGER,
    }
    async with ProviderRegistry.from_values(values | changed, names=["sendgrid"]) as registry:
        (plugin,) = registry.plugins
        plain = plugin_context(plugin, providers=registry, clock=SystemClock())
        context = CheckContext(
            plugin=plain.plugin,
            providers=plain.providers,
            clock=plain.clock,
            log=plain.log,
            own_settings=plain.own_settings,
            http=http,
            public_url="https://a.example",
        )
        (spec,) = [one for one in CHECKS if one.id == name]
        return await spec.run(context)


@pytest.mark.parametrize("name", FROM_API)
async def test_what_the_key_may_not_read_is_skipped(name: str) -> None:
    result = await Asked(403, {"errors": [{"message": "access forbidden"}]}).result(name)
    assert (result.status.value, bool(result.hint)) == ("skipped", True)


_NO_LISTS = [None, 7, [7], ["x"]]
_STRANGE = {"webhooks": ["x"], "result": ["x"], "results": ["x"], "scopes": [7]}


@pytest.mark.parametrize(
    ("name", "body"),
    [(name, body) for name in FROM_API for body in _NO_LISTS]
    # An object without an address is the answer of a list that does not have it.
    + [(name, _STRANGE) for name in FROM_API if name != "sendgrid-suppressions"],
)
async def test_answer_that_is_no_list_is_told_as_one_that_is_missing(name: str, body: Any) -> None:
    with pytest.raises(ProviderUnavailable):
        await Asked(200, body).result(name)


async def test_policy_that_is_not_attached_fails() -> None:
    url = "https://a.example/webhooks/sendgrid-inbound"
    parse = {"hostname": "acme.example.com", "url": url, "security_policy": "another"}
    policy = {"id": "ours", "signature": {"public_key": STRANGER}}
    result = await Asked(200, {"result": [parse], "policies": [policy, {"id": "none"}]}).result(
        "EG4", SENDGRID_INBOUND_PUBLIC_KEY=STRANGER
    )
    assert result.found == "the policy of the key is not attached to the host"


async def test_domain_whose_records_are_missing_fails() -> None:
    host = "s1._domainkey.acme.example.com"
    records = {"dkim1": {"valid": False, "host": host}}
    domain = {"domain": "acme.example.com", "valid": False, "dns": records}
    result = await Asked(200, [domain]).result("EG5")
    assert (result.status.value, host in result.found) == ("failed", True)


@pytest.mark.parametrize(
    ("webhook", "found"),
    [
        (
            {"enabled": True, "delivered": True},
            "it is not told of processed, deferred, bounce, dropped",
        ),
        ({"enabled": False}, "https://a.example/webhooks/sendgrid-events"),
    ],
)
async def test_event_webhook_that_is_not_told_enough_fails(
    webhook: dict[str, bool], found: str
) -> None:
    ours = {"url": "https://a.example/webhooks/sendgrid-events"} | webhook
    result = await Asked(200, {"webhooks": [ours]}).result("sendgrid-events")
    assert (result.status.value, result.found) == ("failed", found)


class _Dns(asyncio.DatagramProtocol):
    """A server of the DNS that knows what it was told, by name and kind."""

    def __init__(self) -> None:
        self.records: dict[tuple[str, str], list[str]] = {}

    @override
    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    @override
    def datagram_received(self, data: bytes, addr: Any) -> None:
        query = dns.message.from_wire(data)
        (question,) = query.question
        kind = dns.rdatatype.to_text(question.rdtype)
        answer = dns.message.make_response(query)
        found = self.records.get((question.name.to_text(omit_final_dot=True), kind), [])
        if found:
            answer.answer.append(dns.rrset.from_text(question.name, 60, "IN", kind, *found))
        self._transport.sendto(answer.to_wire(), addr)


@pytest.fixture
async def names(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[_Dns]:
    transport, server = await asyncio.get_running_loop().create_datagram_endpoint(
        _Dns, local_addr=("127.0.0.1", 0)
    )
    resolver = dns.asyncresolver.Resolver(configure=False)
    resolver.nameservers = ["127.0.0.1"]
    resolver.port = transport.get_extra_info("sockname")[1]
    monkeypatch.setattr("dns.asyncresolver.default_resolver", resolver)
    yield server
    transport.close()


@pytest.fixture
async def plain_http() -> AsyncIterator[ClientSession]:
    async with ClientSession() as session:
        yield session


def _cases() -> Iterator[tuple[str, tuple[str, str], list[str], str]]:
    mx, dmarc = ("acme.example.com", "MX"), ("_dmarc.acme.example.com", "TXT")
    yield "sendgrid-mx", mx, ["10 mx.sendgrid.net."], "passed"
    yield "sendgrid-mx", mx, ["10 mx.sendgrid.net.", "20 mail.example.com."], "failed"
    yield "sendgrid-mx", mx, ["10 mail.example.com."], "failed"
    yield "sendgrid-mx", mx, [], "failed"
    yield "sendgrid-dmarc", dmarc, ['"v=DMARC1; p=none"'], "passed"
    yield "sendgrid-dmarc", dmarc, ['"something else"'], "failed"
    yield "sendgrid-dmarc", dmarc, ['"v=DMARC1; p=none"', '"v=DMARC1; p=reject"'], "failed"


@pytest.mark.parametrize(("name", "asked", "records", "status"), list(_cases()))
async def test_records_of_the_dns_are_compared(
    names: _Dns,
    plain_http: ClientSession,
    name: str,
    asked: tuple[str, str],
    records: list[str],
    status: str,
) -> None:
    names.records[asked] = records
    result = await run_one(name, plain_http)
    assert result.status.value == status, result
    assert result.hint or status == "passed"


async def test_dns_that_does_not_answer_is_told(
    plain_http: ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolver = dns.asyncresolver.Resolver(configure=False)
    resolver.nameservers = []
    monkeypatch.setattr("dns.asyncresolver.default_resolver", resolver)
    with pytest.raises(ProviderUnavailable, match="DNS"):
        await run_one("sendgrid-mx", plain_http)
    monkeypatch.setitem(sys.modules, "dns", None)
    with pytest.raises(ProviderUnavailable, match="dnspython"):
        await run_one("sendgrid-mx", plain_http)
