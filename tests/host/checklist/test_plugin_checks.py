"""The checks of plugins: each ends with an answer, whatever its code does, and tells no secret."""

import asyncio
import json
import time
from subprocess import CompletedProcess
from typing import Final

from clientflow_core.clock import SystemClock
from clientflow_core.contributions.checks import CheckResult, CheckStatus
from clientflow_core.registry.finding import Wanted, find_plugins
from clientflow_core.registry.registry import ProviderRegistry
from clientflow_core.registry.selection import select
from clientflow_host.checklist.plugin_checks import plugin_checks
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


async def run() -> dict[str, CheckResult]:
    plugins = select(find_plugins(), VALUES, wanted=Wanted()).plugins
    async with ProviderRegistry(plugins, VALUES) as registry:
        checks = plugin_checks(registry, public_url="https://a.example", clock=SystemClock())
        results = await asyncio.gather(*(one.run() for one in checks))
    return {one.spec.title: result for one, result in zip(checks, results, strict=True)}


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


# The command


def rows(shown: CompletedProcess[str]) -> dict[str, dict[str, str]]:
    return {row["id"]: row for row in json.loads(shown.stdout)}


def test_command_lists_what_a_plugin_checks_and_ends_well_only_if_nothing_failed(
    install: Install, call: Call
) -> None:
    put(install, ["good", "unfit"])
    shown = call(
        "checklist", "--plugin", "form", "--json", **VALUES,
        CLIENTFLOW_PUBLIC_URL="https://a.example",
    )  # fmt: skip
    assert shown.returncode == 0, shown.stderr
    found = rows(shown)
    assert found["form-good"] == {
        "id": "form-good",
        "status": "passed",
        "found": "form at https://a.example",
        "expected": "this",
        "hint": "",
    }
    assert found["form-unfit"]["status"] == "skipped"
    assert len(found) == 2
    one = call("checklist", "--only", "form-unfit", "--format", "json", **VALUES)
    assert list(rows(one)) == ["form-unfit"]


def test_command_ends_badly_if_one_failed(install: Install, call: Call) -> None:
    put(install, ["good", "bad"])
    shown = call("checklist", "--plugin", "form", **VALUES)
    assert shown.returncode == 1
    assert "do something" in shown.stdout
    assert call("checklist", "--only", "form-good", **VALUES).returncode == 0
    unknown = call("checklist", "--only", "form-best", **VALUES)
    assert unknown.returncode == 1
    assert "there is no item form-best" in unknown.stderr
    assert "form-bad" in unknown.stderr
    other = call("checklist", "--plugin", "sms", **VALUES)
    assert "'sms' is not enabled (enabled are: form)" in other.stderr
