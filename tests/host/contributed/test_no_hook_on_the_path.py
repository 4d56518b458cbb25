"""Hooks are asked once, at the start: no text, no answer and no request calls pluggy."""

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType, ModuleType

import pluggy

from clientflow_core.hookspecs import PROJECT, Hooks
from clientflow_core.registry.hook_calls import PluginHooks
from clientflow_plugins import twilio
from clientflow_plugins.twilio.sandbox import TwilioSandbox
from tests.host.conftest import Host

# Without pluggy's tracing, by which pytest notes what is imported.
_WHERE_HOOKS_ARE_CALLED = {
    *(str(Path(pluggy.__file__).with_name(name)) for name in ("_hooks.py", "_callers.py")),
    str(Path(pluggy.__file__).with_name("_manager.py")),
    sys.modules[PluginHooks.__module__].__file__,
}
_HOOKS = {name for name in vars(Hooks) if name.startswith(f"{PROJECT}_")}


@contextlib.contextmanager
def counted() -> Iterator[list[str]]:
    """Count the calls into pluggy, to our own code around it, and to a plugin's hooks."""
    calls: list[str] = []

    def look(frame: FrameType, event: str, _: object) -> None:
        if event != "call":
            return
        code = frame.f_code
        if code.co_filename in _WHERE_HOOKS_ARE_CALLED or code.co_name in _HOOKS:
            calls.append(code.co_qualname)

    before = sys.getprofile()
    sys.setprofile(look)
    try:
        yield calls
    finally:
        sys.setprofile(before)


def test_each_way_to_call_a_hook_is_counted() -> None:
    hooks = PluginHooks(twilio.plugin, "twilio")
    with counted() as calls:
        hooks.collect(Hooks.clientflow_channels, of=object)
    assert "PluginHooks.collect" in calls
    assert "TwilioPlugin.clientflow_channels" in calls
    manager = pluggy.PluginManager("clientflow")
    manager.add_hookspecs(Hooks)
    manager.register(twilio.plugin)
    with counted() as calls:
        manager.hook.clientflow_channels()
    assert "PluginManager._hookexec" in calls


async def test_text_answer_and_requests_call_no_hook(
    working_host: Host, acme: ModuleType, sandbox: TwilioSandbox
) -> None:
    with counted() as calls:
        conversation = await working_host.conversation("Is Thursday free?")
        path = f"/conversations/{conversation['id']}/messages"
        answer = await working_host.post(path, {"body": "Yes."})
        await working_host.message_in("delivered", answer.body["id"])
        assert (await working_host.bare("GET", "/ready")).status == 200
        ordered = await working_host.call("POST", "/api/v1/x/acme/orders/1", json={"amount": 3})
        assert ordered.status == 200, ordered
        await working_host.quiet()
    assert {entry[0] for entry in acme.SEEN} >= {"message.received", "ship", "bill"}
    assert calls == []
