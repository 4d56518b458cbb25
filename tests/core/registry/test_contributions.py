"""What plugins bring beside providers is checked when they are loaded, and whose it is is told."""

import asyncio
import sys
from collections.abc import Callable
from typing import Any

import attrs
import pytest

from clientflow_core.contributions.events import EventKind
from clientflow_core.domain.messages import MessageStatus
from clientflow_core.errors import PluginError
from clientflow_core.registry.contributions import Contributions
from clientflow_core.registry.fence import fenced
from clientflow_core.registry.finding import discover_plugins
from tests.core.registry.conftest import Install

# What the bodies below begin with; *plug* makes a plugin of one hook.
BEGIN = """
from clientflow_core import *

async def job(context):
    pass

async def listen(event, context):
    pass

async def look(request: RouteRequest[None, None, None]) -> None:
    \"\"\"Look.\"\"\"

def plain(context):
    pass

FORM = settings_class("form")

def plug(**hooks):
    def giving(items):
        return hookimpl(lambda self: items())
    made = {f"clientflow_{name}": giving(items) for name, items in hooks.items()}
    return type("Plugin", (Hooks,), made)()
"""

JOB = 'JobSpec(name="one", handle=job)'
ROUTE = 'RouteSpec(method="GET", path="/one", role=Role.VIEWER, handle=look)'
# Each row: the plugin, and what the message must say.
BROKEN = {
    "job that is not async": ('jobs=lambda: [JobSpec(name="a", handle=plain)]', "async function"),
    "job with a bad name": ('jobs=lambda: [JobSpec(name="A b", handle=job)]', "name"),
    "job without a deadline": (
        'jobs=lambda: [JobSpec(name="a", handle=job, deadline_seconds=0)]',
        "deadline_seconds",
    ),
    "job that hangs for an hour": (
        'jobs=lambda: [JobSpec(name="a", handle=job, deadline_seconds=3600)]',
        "deadline_seconds",
    ),
    "job without attempts": (
        'jobs=lambda: [JobSpec(name="a", handle=job, max_attempts=0)]',
        "max_attempts",
    ),
    "two jobs of a name": (f"jobs=lambda: [{JOB}, {JOB}]", "it brings two jobs 'one'"),
    "schedule of no job": (
        'schedules=lambda: [ScheduleSpec(name="s", every_seconds=5, job="none")]',
        "asks for the job 'none'",
    ),
    "schedule that never waits": (
        'schedules=lambda: [ScheduleSpec(name="s", every_seconds=0, job="one")]',
        "every_seconds",
    ),
    "something that is no job": ('jobs=lambda: ["one"]', "must give a list of JobSpec"),
    "route where a job should be": (f"jobs=lambda: [{ROUTE}]", "must give a list of JobSpec"),
    "route without a role": (
        'routes=lambda: [RouteSpec(method="GET", path="/a", handle=look)]',
        "role",
    ),
    "route with an unknown role": (
        'routes=lambda: [RouteSpec(method="GET", path="/a", role="king", handle=look)]',
        "king",
    ),
    "route with a bad path": (
        'routes=lambda: [RouteSpec(method="GET", path="a/../b", role="viewer", handle=look)]',
        "path",
    ),
    "route whose placeholders are no fields": (
        'routes=lambda: [RouteSpec(method="GET", path="/{a}", role="viewer", handle=look)]',
        "do not have the same fields",
    ),
    "route without hints": (
        'routes=lambda: [RouteSpec(method="GET", path="/a", role="viewer", handle=job)]',
        "needs a docstring",
    ),
    "two routes at one address": (f"routes=lambda: [{ROUTE}, {ROUTE}]", "two routes 'GET /one'"),
    "two routes by one function": (
        f'routes=lambda: [{ROUTE}, attrs.evolve({ROUTE}, path="/two")]',
        "two routes whose function is 'look'",
    ),
    "listener of an unknown kind": (
        'on_event=lambda: [EventListener(name="a", kinds=["message.eaten"], handle=listen)]',
        "message.eaten",
    ),
    "listener of nothing": (
        'on_event=lambda: [EventListener(name="a", kinds=[], handle=listen)]',
        "kinds",
    ),
    "step in no phase": (
        'before_send=lambda: [SendStep(name="a", phase="whenever", handle=listen)]',
        "whenever",
    ),
    "router that is async": (
        'route=lambda: [Router(name="a", choose=listen)]',
        "must be a plain function",
    ),
    "router that is no function": (
        'route=lambda: [Router(name="a", choose=None)]',
        "must be a plain function",
    ),
    "check with a bad id": (
        'checks=lambda: [CheckSpec(id="Et 3", title="A", run=job)]',
        "id",
    ),
    "check that is not async": (
        'checks=lambda: [CheckSpec(id="ET3", title="A", run=plain)]',
        "async function",
    ),
    "two checks of an id": (
        'checks=lambda: [CheckSpec(id="ET3", title="A", run=job)] * 2',
        "it brings two checks 'ET3'",
    ),
    "webhook without a verifier": (
        'webhooks=lambda: [PluginWebhook(name="form", settings=FORM, handle=listen)]',
        "verify",
    ),
    "webhook whose verifier is async": (
        'webhooks=lambda: [PluginWebhook(name="form", settings=FORM, verify=job, handle=listen)]',
        "must be a function that is not async",
    ),
    "webhook whose handler is not async": (
        'webhooks=lambda: [PluginWebhook(name="form", settings=FORM, verify=plain, handle=plain)]',
        "async function",
    ),
    "webhook of settings that nobody loads": (
        'webhooks=lambda: [PluginWebhook(name="form", settings=FORM, verify=plain, handle=listen)]',
        "which clientflow_settings does not give",
    ),
    "page for everybody": (
        'pages=lambda: [PageSpec(path="a", title="A", role="public", render=job)]',
        "pages are for who is signed in",
    ),
    "page with a bad path": (
        'pages=lambda: [PageSpec(path="../a", title="A", role="viewer", render=job)]',
        "path",
    ),
    "page whose form goes nowhere": (
        'pages=lambda: [PageSpec(path="a", title="A", role="viewer", render=job, submit=plain)]',
        "async function",
    ),
    "two pages at one address": (
        'pages=lambda: [PageSpec(path="a", title="A", role="viewer", render=job)] * 2',
        "it brings two pages 'a'",
    ),
    "settings that are no class": ('settings=lambda: ["A_KEY"]', "must give a list of type"),
    "settings without a setting": (
        "settings=lambda: [JobSpec]",
        "JobSpec is no attrs class with fields made by setting()",
    ),
    "settings twice": (
        "settings=lambda: [settings_class('a')] * 2",
        "it brings two settings classes",
    ),
    "command without a function": (
        'commands=lambda: [CommandSpec(name="a", help="A.", target="os.path")]',
        "target",
    ),
    "redaction that is no pattern": (
        'redactions=lambda: [RedactionRule(name="a", pattern="(")]',
        "unterminated subpattern",
    ),
}


def refusal(install: Install, code: str) -> str:
    """Load a plugin that is made so, and give the words of the refusal."""
    install("bad", body=f"{BEGIN}\n{code}\n")
    with pytest.raises(PluginError) as caught:
        discover_plugins(names=["bad"])
    return str(caught.value)


@pytest.mark.parametrize("case", BROKEN)
def test_what_breaks_the_rules_is_refused_by_name(case: str, install: Install) -> None:
    hooks, words = BROKEN[case]
    message = refusal(install, f"plugin = plug({hooks})")
    assert message.startswith("the plugin 'bad' of bad-dist 1.2")
    assert words in message


MOMENTS = {
    "startup that is not async": (
        "def clientflow_startup(self, context): pass",
        "clientflow_startup must be an async function",
    ),
    "keyword-only argument": (
        "async def clientflow_startup(self, *, context): pass",
        "clientflow_startup takes 'context', which it would never be given",
    ),
    "argument with a default": (
        "async def clientflow_startup(self, context=None): pass",
        "clientflow_startup takes 'context=None', which it would never be given",
    ),
    "arguments of any name": (
        "async def clientflow_startup(self, **more): pass",
        "clientflow_startup takes '**more', which it would never be given",
    ),
    "argument of another name": (
        "async def clientflow_startup(self, ctx): pass",
        "'ctx'",
    ),
    "argument of a hook without": (
        "def clientflow_jobs(self, *, context=None): return []",
        "clientflow_jobs takes 'context=None', which it would never be given",
    ),
}


@pytest.mark.parametrize("case", MOMENTS)
def test_moment_of_another_form_is_refused(case: str, install: Install) -> None:
    method, words = MOMENTS[case]
    code = f"class Plugin(Hooks):\n    @hookimpl\n    {method}\n\nplugin = Plugin()"
    message = refusal(install, code)
    assert "breaks the rules of registration" in message
    assert words in message


async def test_moment_that_takes_fewer_arguments_is_given_those_that_it_takes(
    install: Install,
) -> None:
    code = "class Plugin(Hooks):\n    @hookimpl\n    async def clientflow_startup(self):\n"
    install("few", body=f"{BEGIN}\nSEEN = []\n{code}        SEEN.append(1)\n\nplugin = Plugin()\n")
    (found,) = discover_plugins(names=["few"])
    assert found.contributions.startup is not None
    assert found.contributions.shutdown is None
    context: Any = None
    await found.contributions.startup(context)
    assert sys.modules["few_dist"].SEEN == [1]


def test_plugin_that_brings_nothing_more_has_nothing(install: Install) -> None:
    install("sms", specs='[spec("sms")]')
    (found,) = discover_plugins(names=["sms"])
    assert found.contributions == Contributions()
    assert not found.contributions


def test_routes_of_two_distributions_never_share_a_name(install: Install) -> None:
    install("a-b", body=f"{BEGIN}\nplugin = plug(routes=lambda: [{ROUTE}])\n")
    install("a_b", body=f"{BEGIN}\nplugin = plug(routes=lambda: [{ROUTE}])\n", distribution="other")
    with pytest.raises(PluginError) as caught:
        discover_plugins(names=["a-b", "a_b"])
    assert "'a-b' of a-b-dist 1.2 and the plugin 'a_b' of other 1.2 both" in str(caught.value)
    assert "a route named 'a_b_look'" in str(caught.value)


def test_every_state_that_a_message_is_told_to_be_in_is_an_event() -> None:
    kinds = {kind.removeprefix("message.") for kind in EventKind}
    # While it is being sent nothing is told.
    assert kinds == {status.value for status in MessageStatus} - {MessageStatus.SENDING.value}


# --- the fence


def _exit() -> None:
    raise SystemExit(1)


def _cancel() -> None:
    raise asyncio.CancelledError


@pytest.mark.parametrize(
    ("act", "words"), [(_exit, "tried to end the process"), (_cancel, "cancelled what nobody")]
)
async def test_plugin_can_end_neither_the_process_nor_the_task(
    act: Callable[[], None], words: str, install: Install
) -> None:
    install("sms")
    (plugin,) = discover_plugins(names=["sms"])

    async def call() -> None:
        act()

    with pytest.raises(PluginError, match=f"the job of the plugin 'sms' of sms-dist 1.2 {words}"):
        await fenced(call, plugin=plugin, what="the job", deadline_seconds=5)


async def test_timeout_of_its_own_is_its_own_and_ours_names_it(install: Install) -> None:
    install("sms")
    (plugin,) = discover_plugins(names=["sms"])

    async def own() -> None:
        raise TimeoutError("its own")

    with pytest.raises(TimeoutError, match="its own") as caught:
        await fenced(own, plugin=plugin, what="the job", deadline_seconds=5)
    assert caught.value.__notes__ == ["in the job of the plugin 'sms' of sms-dist 1.2"]
    with pytest.raises(PluginError, match=r"took longer than 0\.01 s"):
        await fenced(lambda: asyncio.sleep(60), plugin=plugin, what="it", deadline_seconds=0.01)


async def test_cancelling_from_outside_is_no_fault_of_the_plugin(install: Install) -> None:
    install("sms")
    (plugin,) = discover_plugins(names=["sms"])
    task = asyncio.create_task(
        fenced(lambda: asyncio.sleep(60), plugin=plugin, what="it", deadline_seconds=60)
    )
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_contributions_are_frozen() -> None:
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        Contributions().jobs = ()  # type: ignore[misc]  # what is tested
