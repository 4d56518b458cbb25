"""Whatever is posted where providers call us: refused, never a fault of ours, and never kept."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

import pytest
import pytest_asyncio
from hypothesis import given, settings
from hypothesis import strategies as st

from clientflow_core.ports import free_port
from clientflow_core.providers.spec import AnySpec
from clientflow_core.registry.finding import discover_plugins
from clientflow_host.assembly import assemble
from clientflow_host.local_providers import local_settings
from clientflow_host.sandbox import build_sandboxes, sandbox_settings
from clientflow_host.settings import ENCRYPTION_KEY_ENV
from clientflow_host.state import StateFolder
from tests.databases import Addresses, empty
from tests.host.conftest import ENCRYPTION_KEY, Host, hosting

SPECS: Final = [
    spec
    for plugin in discover_plugins()
    if plugin.distribution == "clientflow"
    for spec in plugin.specs
    if spec.webhooks
]
PATHS: Final = [webhook.path for spec in SPECS for webhook in spec.webhooks]

# What says where a request ends, or who takes it, is the web server's affair.
_FRAMING: Final = frozenset({"content-length", "transfer-encoding", "expect", "upgrade"})
_TOKEN: Final = "abcdefghijklmnopqrstuvwxyz-"
SIGNATURES: Final = (
    "x-twilio-signature",
    "x-twilio-email-event-webhook-signature",
    "x-twilio-email-event-webhook-timestamp",
    "x-goog-channel-id",
    "x-goog-channel-token",
    "x-goog-message-number",
    "x-goog-resource-state",
    "stripe-signature",
    "smtp-signature",
    "ledger-signature",
    "content-encoding",
    "authorization",
)
TYPES: Final = (
    b"application/json",
    b"application/x-www-form-urlencoded",
    b"multipart/form-data; boundary=x",
    b"multipart/form-data",
    b"text/plain; charset=\xff",
)
# The web server itself takes no control characters.
_CONTROL: Final = bytes([*range(32), 127])
_ANY_VALUE: Final = st.binary(max_size=60).map(lambda value: value.translate(None, _CONTROL))
_NOW: Final = b"%d" % time.time()
_SIGNED: Final = st.sampled_from(
    [b"t=%b,v1=00" % _NOW, b"t=%b,v1=\xe9" % _NOW, b"v1=,t=", _NOW, b"AAAA", b"9" * 5000]
)
VALUES: Final = _ANY_VALUE | _SIGNED
NAMES: Final = st.sampled_from(SIGNATURES) | st.text(_TOKEN, min_size=1, max_size=20).filter(
    lambda name: name not in _FRAMING
)
HEADERS: Final = st.lists(st.tuples(NAMES, VALUES), max_size=8)
_FORMS: Final = st.dictionaries(
    st.sampled_from(
        ["AccountSid", "MessageSid", "From", "To", "Body", "MessageStatus", "NumMedia"]
    ),
    st.sampled_from([f"AC{'0' * 32}", f"SM{'0' * 32}", "+14155550123", "-1", "", "\0"]),
).map(lambda form: urlencode(form).encode())
BODIES: Final = (
    st.binary(max_size=200)
    | _FORMS
    | st.sampled_from(
        [
            b"",
            b"null",
            b'{"id": 1, "type": "invoice.paid", "data": []}',
            b"[" * 5000,
            b"From=%FF&To=&Body=%00&AccountSid=AC1&MessageSid=",
            b'--x\r\nContent-Disposition: form-data; name="from"\r\n\r\n\xff\r\n--x--\r\n',
            b"--x\r\n\r\n",
        ]
    )
)
QUERIES: Final = st.text("abcAZ09=&%+;/?.-_~", max_size=40)


def enabled_settings(folder: Path, *, host: str, specs: list[AnySpec]) -> dict[str, str]:
    """Give what sets up *specs*; nobody is there where their providers would be."""
    state = StateFolder.open(folder)
    outside = [spec for spec in specs if spec.sandbox]
    boxes = build_sandboxes(outside, state, sandbox_url="http://127.0.0.1:9", host_url=host)
    return {**sandbox_settings(boxes), **local_settings(specs, state)}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def fortress(
    shared: Addresses, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Host]:
    """The host with every provider of ours that calls it."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    values = {
        "DATABASE_URL": empty(shared).url,
        "CLIENTFLOW_PUBLIC_URL": url,
        "CLIENTFLOW_PORT": str(port),
        "CLIENTFLOW_PLUGINS": ",".join(spec.name for spec in SPECS),
        ENCRYPTION_KEY_ENV: ENCRYPTION_KEY,
        **enabled_settings(tmp_path_factory.mktemp("state"), host=url, specs=SPECS),
    }
    async with assemble(values) as assembly, hosting(shared, assembly) as host:
        yield host


async def status_of(host: Host, head: bytes, body: bytes) -> int:
    """Send a request byte by byte, as no client of HTTP would let us; give the status."""
    reader, writer = await asyncio.open_connection("127.0.0.1", host.assembly.settings.port)
    try:
        writer.write(head + b"\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        line = await asyncio.wait_for(reader.readline(), timeout=30)
        return int(line.split()[1])
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


def test_every_webhook_of_ours_is_looked_at(fortress: Host) -> None:
    bound = fortress.assembly.registry.webhooks.values()
    assert sorted(webhook.spec.path for webhook in bound) == sorted(PATHS)
    assert len(PATHS) >= 8


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("path", PATHS)
@settings(max_examples=25)
@given(query=QUERIES, kind=st.sampled_from(TYPES) | _ANY_VALUE, headers=HEADERS, body=BODIES)
async def test_what_nobody_has_proven_is_refused_and_not_kept(
    fortress: Host,
    path: str,
    query: str,
    kind: bytes,
    headers: list[tuple[str, bytes]],
    body: bytes,
) -> None:
    lines = [
        f"POST {path}?{query} HTTP/1.1".encode(),
        b"Host: x\r\nConnection: close",
        b"Content-Type: " + kind,
        *(name.encode() + b": " + value for name, value in headers),
    ]
    assert 400 <= await status_of(fortress, b"\r\n".join(lines), body) < 500
    assert fortress.count("inbound_events") == 0
