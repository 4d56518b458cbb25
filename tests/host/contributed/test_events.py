"""Plugins are told of what has happened: after the commit, each by itself."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

import pluggy
import pytest

from clientflow_core.hookspecs import PROJECT, Hooks
from clientflow_core.registry.bound import listener_jobs
from clientflow_host.assembly import assemble
from clientflow_host.worker import working
from tests.core.registry.conftest import Install
from tests.databases import Addresses
from tests.host.conftest import Host, hosting, until
from tests.host.contributed.conftest import HEAD
from tests.texts import CLIENT, NUMBER, text

OTHER = (
    HEAD
    + """
async def hear(event: DomainEvent, context: PluginContext) -> None:
    SEEN.append((event.id, event.attempt))

class Other(Hooks):
    @hookimpl
    def clientflow_on_event(self):
        return [EventListener(name="ear", kinds=list(EventKind), handle=hear)]

plugin = Other()
"""
)


async def test_listener_is_told_with_what_it_needs(working_host: Host, acme: ModuleType) -> None:
    await working_host.conversation("Is Thursday free?")
    # Its job of the hour may come first.
    told = next(entry for entry in acme.SEEN if entry[0] != "tidy")
    assert told == ("message.received", "Is Thursday free?", NUMBER, CLIENT)


async def test_of_other_kinds_of_events_nothing_is_written(
    working_host: Host, acme: ModuleType
) -> None:
    conversation = await working_host.conversation()
    acme.SEEN.clear()
    # No sandbox runs, so that the message stays where it is.
    await working_host.post(f"/conversations/{conversation['id']}/messages", {"body": "Yes."})
    assert working_host.rows("SELECT kind FROM jobs WHERE kind ~ 'on_event'") == []
    assert [entry for entry in acme.SEEN if entry[0] != "tidy"] == []


async def test_where_nobody_listens_nothing_is_written(
    emptied: Addresses, values: dict[str, str]
) -> None:
    async with (
        assemble({**values, "CLIENTFLOW_PLUGINS": "twilio"}) as assembly,
        hosting(emptied, assembly) as host,
    ):
        assert listener_jobs(assembly.registry.plugins) == {}
        with noting_kinds(host):
            async with working(assembly):
                await host.conversation()
            kinds = {kind for (kind,) in host.rows("SELECT kind FROM asked_for")}
        assert "handle_inbound_event" in kinds
        assert not [kind for kind in kinds if "on_event" in kind]


@contextmanager
def noting_kinds(host: Host) -> Iterator[None]:
    """Note the kind of each job that is asked for, also of those that are done and gone again."""
    host.rows("CREATE TABLE asked_for (kind text NOT NULL)")
    host.rows(
        "CREATE FUNCTION note_kind() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS"
        " $$ BEGIN INSERT INTO asked_for VALUES (NEW.kind); RETURN NULL; END $$"
    )
    host.rows(
        "CREATE TRIGGER note_kind AFTER INSERT ON jobs FOR EACH ROW EXECUTE FUNCTION note_kind()"
    )
    try:
        yield
    finally:
        host.rows("DROP FUNCTION note_kind CASCADE")
        host.rows("DROP TABLE asked_for")


async def test_failure_of_one_listener_touches_neither_another_nor_us(
    install: Install, emptied: Addresses, values: dict[str, str]
) -> None:
    install("other", body=OTHER)
    async with assemble(values) as assembly, hosting(emptied, assembly) as host:
        acme, other = sys.modules["acme_dist"], sys.modules["other_dist"]
        acme.FAILING.add("hear")
        async with working(assembly):
            assert (await host.webhook(text())).status == 200

            async def is_told() -> bool:
                return bool(other.SEEN) and acme.SEEN.count("hear") == 1

            await until(is_told)

            async def is_put_back() -> bool:
                left = host.rows(
                    "SELECT kind, attempts, last_error FROM jobs WHERE lane ~ '^plugin'"
                )
                return left == [("acme.on_event.ear", 1, "ValueError")]

            await until(is_put_back)
            assert host.count("messages") == 1
            acme.FAILING.clear()
            host.rows("UPDATE jobs SET run_at = now() WHERE lane ~ '^plugin'")
            await host.quiet()
        assert acme.SEEN.count("hear") == 2
        assert len(other.SEEN) == 1


async def test_no_hook_is_called_on_the_path_of_a_message_or_a_request(
    working_host: Host, acme: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    plain = pluggy.HookCaller.__call__

    def counted(self: pluggy.HookCaller, **kwargs: object) -> object:
        calls.append(self.name)
        return plain(self, **kwargs)

    def looked_up(self: pluggy.HookCaller) -> list[pluggy.HookImpl]:
        calls.append(self.name)
        return []

    def asked(_: object) -> list[object]:
        calls.append("a hook itself")
        return []

    monkeypatch.setattr(pluggy.HookCaller, "__call__", counted)
    monkeypatch.setattr(pluggy.HookCaller, "get_hookimpls", looked_up)
    for name in vars(Hooks):
        if name.startswith(f"{PROJECT}_"):
            monkeypatch.setattr(type(acme.plugin), name, asked)
    await working_host.conversation()
    await working_host.post("/x/acme/orders/o1", {"amount": 1})
    await working_host.quiet()
    assert [one[0] for one in acme.SEEN if one[0] == "ship"]
    assert calls == []
