"""What the checklist tells of the project, asked of the sandbox."""

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from clientflow_core.contributions.checks import CheckResult
from clientflow_core.registry.registry import ProviderRegistry
from clientflow_plugins.supabase.sandbox import SupabaseSandbox
from tests.checked import checked
from tests.plugins.supabase.test_settings import old_key


async def told(values: dict[str, str]) -> dict[str, CheckResult]:
    given = {name: text for name, text in values.items() if text}
    async with ProviderRegistry.from_values(given, names=["supabase"]) as registry:
        return await checked(registry, public_url="https://a.example")


def states(items: dict[str, CheckResult]) -> dict[str, str]:
    return {name: item.status.value for name, item in items.items()}


async def test_project_as_it_should_be_passes(sandbox: SupabaseSandbox) -> None:
    pages = {"NEXT_PUBLIC_SUPABASE_ANON_KEY": sandbox.credentials["SUPABASE_PUBLISHABLE_KEY"]}
    items = await told(sandbox.settings() | pages)
    assert states(items) == dict.fromkeys(["EA4", "EA5", "EA6", "EW1", "EW2"], "passed")


async def test_what_is_not_set_is_skipped(sandbox: SupabaseSandbox) -> None:
    unset = {"SUPABASE_PUBLISHABLE_KEY": "", "SUPABASE_SECRET_KEY": ""}
    found = states(await told(sandbox.settings() | unset))
    assert [name for name, state in found.items() if state == "skipped"] == ["EA5", "EA6", "EW2"]


async def test_wrong_keys_fail_and_are_not_shown(sandbox: SupabaseSandbox) -> None:
    wrong = {
        "SUPABASE_PUBLISHABLE_KEY": "sb_publishable_wrong",
        "SUPABASE_SECRET_KEY": "sb_secret_wrong",
    }
    items = await told(sandbox.settings() | wrong)
    assert (items["EA5"].status.value, items["EA6"].status.value) == ("failed", "failed")
    assert not [one for one in wrong.values() if one in str(items)]


async def test_address_in_the_clear_fails() -> None:
    items = await told({"SUPABASE_URL": "http://supabase.invalid"})
    assert (items["EA4"].status.value, bool(items["EA4"].hint)) == ("failed", True)


@pytest.mark.parametrize(("secret", "state"), [("", "failed"), ("s" * 32, "passed")])
async def test_project_without_keys_needs_its_secret(secret: str, state: str) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.json_response({"keys": []})

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    async with TestServer(app) as server:
        url = str(server.make_url("")).rstrip("/")
        values = {
            "SUPABASE_URL": url,
            "SUPABASE_JWT_SECRET": secret,
            "SUPABASE_ANON_KEY": old_key("anon"),
        }
        items = await told(values)
    assert items["EA4"].status.value == state
    # An old key works, and is told to be one.
    assert (items["EA5"].status.value, "of the old kind" in items["EA5"].found) == ("passed", True)
