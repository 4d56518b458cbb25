"""The checks of plugins: each ends with an answer, whatever its code does, and tells no secret."""

import asyncio
import json
import time
from typing import Final

import pytest

from clientflow_core.contributions.checks import CheckStatus
from clientflow_core.errors import PluginError
from clientflow_core.registry.finding import Wanted, find_plugins
from clientflow_core.registry.registry import ProviderRegistry
from clientflow_core.registry.selection import select
from clientflow_host.checklist.running import CheckedItem, Chosen, run_checks
from tests.core.registry.conftest import Install, install
from tests.host.cli.conftest import Call, call

__all__ = ["call", "install"]

BODY: Final = """
import asyncio
from clientflow_core import *

SETTINGS = settings_class("form")

def answer(status, found="it", hint=""):
    return CheckResult(status=status, found=found, expected="this", hint=hint)

async def good(context):
    assert not context.http.closed
    return answer("passed", f"{context.plugin} at {context.public_url}")

async def bad(context):
    return answer("failed", "nothing", "do something")

async def unfit(context):
    return answer("skipped", hint="it does not apply")

async def talkative(context):
    key = context.settings(SETTINGS).key.reveal()
    return answer("failed", f"found {key}", f"not {key}")

async def raising(context):
    raise ValueError(f"the key is {context.settings(SETTINGS).key.reveal()}")

async def refused(context):
    raise ProviderUnavailable("it does not answer")

async def hanging(context):
    await asyncio.sleep(60)

async def junk(context):
    return "passed"

async def ending(context):
    raise SystemExit(3)

CHECKS = [good, bad, unfit, talkative, raising, refused, hanging, junk, ending]

class Form(Hooks):
    @hookimpl
    def clientflow_settings(self):
        return [SETTINGS]

    @hookimpl
    def clientflow_checks(self):
        return [
            CheckSpec(id=f"form-{one.__name__}", title=one.__name__, run=one, deadline_seconds=2)
            for one in CHECKS if one.__name__ in ONLY
        ]

ONLY = {only}
plugin = Form()
"""
ALL: Final = [
    "good", "bad", "unfit", "talkative", "raising", "refused", "hanging", "junk", "ending",
]  # fmt: skip
VALUES: Final = {"FORM_KEY": "top secret", "FORM_PORT": "7"}


def put(install: Install, only: list[str]) -> None:
    """Install the plugin ``form`` with the checks *only*."""
    install("form", body=BODY.replace("{only}", repr(only)))


async def run(**chosen: object) -> dict[str, CheckedItem]:
    plugins = select(find_plugins(), VALUES, wanted=Wanted()).plugins
    async with ProviderRegistry(plugins, VALUES) as registry:
        items = await run_checks(
            registry,
            public_url="https://a.example",
            chosen=Chosen(**chosen),  # type: ignore[arg-type]  # of each test's own
        )
    return {item.title: item for item in items}


async def test_each_check_ends_with_an_answer_and_none_waits_for_another(install: Install) -> None:
    put(install, ALL)
    began = time.monotonic()
    async with asyncio.timeout(30):
        items = await run()
    assert list(items) == ALL
    assert time.monotonic() - began >= 2
    states = {title: item.status.value for title, item in items.items()}
    assert {title for title in ALL if states[title] == "failed"} == {*ALL} - {"good", "unfit"}
    assert (items["good"].status, items["good"].found) == (
        CheckStatus.PASSED, "form at https://a.example",
    )  # fmt: skip
    assert (items["unfit"].status, items["unfit"].hint) == ("skipped", "it does not apply")
    assert (items["bad"].id, items["bad"].plugin) == ("form-bad", "form")
    assert (items["bad"].expected, items["bad"].hint) == ("this", "do something")


async def test_what_fails_by_itself_names_the_plugin_and_what_happened(install: Install) -> None:
    put(install, ALL)
    items = await run()
    assert "'form-raising' of the plugin 'form' of form-dist 1.2" in items["raising"].expected
    assert items["raising"].found == "ValueError: the key is [hidden]"
    assert items["refused"].found == "it does not answer"
    assert items["refused"].hint != items["raising"].hint
    assert items["hanging"].found.endswith("took longer than 2 s")
    assert items["junk"].found == "TypeError: it gives str, not a CheckResult"
    assert items["ending"].found.endswith("tried to end the process")


async def test_secrets_of_the_plugin_are_shown_nowhere(install: Install) -> None:
    put(install, ALL)
    items = await run()
    assert (items["talkative"].found, items["talkative"].hint) == ("found [hidden]", "not [hidden]")
    assert "top secret" not in str(items)


async def test_what_is_chosen_is_run_and_nothing_else(install: Install) -> None:
    put(install, ALL)
    assert list(await run(ids=["form-good", "form-bad"])) == ["good", "bad"]
    assert list(await run(ids=["form-good"], plugin="form")) == ["good"]
    with pytest.raises(PluginError, match="no enabled plugin has a check 'form-best'; there is: f"):
        await run(ids=["form-best"])
    with pytest.raises(PluginError, match=r"'sms' is not enabled \(enabled are: form\)"):
        await run(plugin="sms")


def test_command_lists_what_was_found_and_ends_well_only_if_nothing_failed(
    install: Install, call: Call
) -> None:
    put(install, ["good", "unfit"])
    shown = call("checklist", "--json", **VALUES, CLIENTFLOW_PUBLIC_URL="https://a.example")
    assert shown.returncode == 0, shown.stderr
    assert json.loads(shown.stdout)[0] == {
        "id": "form-good",
        "plugin": "form",
        "title": "good",
        "status": "passed",
        "found": "form at https://a.example",
        "expected": "this",
        "hint": "",
    }
    assert json.loads(call("checklist", "--format", "json", "form-unfit", **VALUES).stdout)


def test_command_ends_badly_if_one_failed(install: Install, call: Call) -> None:
    put(install, ["good", "bad"])
    shown = call("checklist", **VALUES)
    assert shown.returncode == 1
    assert "do something" in shown.stdout
    assert call("checklist", "form-good", **VALUES).returncode == 0
    unknown = call("checklist", "form-best", **VALUES)
    assert (unknown.returncode, "no enabled plugin has a check" in unknown.stderr) == (1, True)


def test_command_says_so_where_there_is_nothing_to_check(call: Call) -> None:
    shown = call("checklist")
    assert (shown.returncode, shown.stdout.startswith("No enabled plugin brings checks")) == (
        0, True,
    )  # fmt: skip
