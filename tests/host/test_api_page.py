"""docs/api.md: its commands are run, and its answers held against those that come."""

import asyncio
import json
import os
import re
import shutil
from pathlib import Path
from typing import Any, Final

import pytest

from tests.host.conftest import Host
from tests.host.threads import add_conversations
from tests.requirements import demand

PAGE: Final = (Path(__file__).parents[2] / "docs" / "api.md").read_text("utf-8")
_BLOCK: Final = re.compile(r"```(sh|json)\n(.*?)```", re.DOTALL)


def blocks() -> list[tuple[str, str]]:
    """Give each block of the page, with its language."""
    return [(found[1], found[2]) for found in _BLOCK.finditer(PAGE)]


def shape(value: Any) -> Any:
    """Give what must be the same each time: all but ids and moments."""
    if isinstance(value, dict):
        return {name: shape(one) for name, one in value.items()}
    if isinstance(value, list):
        return [shape(one) for one in value]
    if isinstance(value, str):
        value = re.sub(r"\b([a-z]{3}_)?[0-9a-f]{32}\b", r"\1…", value)
        return re.sub(r"^\d{4}-\d\d-\d\dT[0-9:.]+Z$", "a moment", value)
    return value


async def run(command: str, environment: dict[str, str]) -> Any:
    """Run a command of the page; give the JSON that it prints."""
    process = await asyncio.create_subprocess_exec(
        *("bash", "-euc", command),
        env=environment,
        stdout=asyncio.subprocess.PIPE,
    )
    printed, _ = await process.communicate()
    assert process.returncode == 0, command
    return json.loads(printed)


def let_the_client_stop(host: Host) -> None:
    """Let the one client there is have written STOP."""
    host.rows(
        "INSERT INTO consents (organization_id, contact_point_id, medium, number, wish, source,"
        " evidence, occurred_at, channel_id) SELECT organization_id, id, 'text', 1, 'opt_out',"
        " 'client', 'STOP', now(), (SELECT id FROM channels LIMIT 1) FROM contact_points"
    )


async def test_every_example_does_what_the_page_says(host: Host) -> None:
    demand(shutil.which("curl"), "curl is not installed")
    url, key = host.assembly.settings.url, host.ours.api_key.reveal()
    environment = {"PATH": os.defpath, "URL": url, "API_KEY": key}
    printed: Any = None
    compared = 0
    for language, block in blocks():
        if language == "json":
            assert shape(printed) == shape(json.loads(block)), block
            compared += 1
        elif not block.startswith("export"):
            if "$CONVERSATION" in block and "CONVERSATION" not in environment:
                environment["CONVERSATION"], _ = add_conversations(host, host.ours, 2)
            if "/consent" in block and "-X PUT" not in block:
                let_the_client_stop(host)
            if "$CURSOR" in block:
                environment["CURSOR"] = (await host.get("/conversations", limit=1))["next_cursor"]
            printed = await run(block, environment)
            if str(printed.get("id", "")).startswith("con_"):
                environment["CONTACT"] = printed["id"]
    assert compared == 5
    assert host.count("messages") == 2


async def test_page_names_every_operation(host: Host) -> None:
    document = (await host.bare("GET", "/api/openapi.json")).body
    told = re.findall(r"\| `([A-Z]+)` \| `(/api/v1/[^`]*)` \|", PAGE)
    published = {
        (method.upper(), path)
        for path, operations in document["paths"].items()
        for method in operations
        if path.startswith("/api/v1/")
    }
    assert set(told) == published


@pytest.mark.parametrize("code", sorted(set(re.findall(r"\| \d{3} \| (.*?) \|", PAGE))))
def test_page_names_codes_that_there_are(code: str) -> None:
    sources = Path(__file__).parents[2] / "src"
    text = "".join(file.read_text("utf-8") for file in sources.rglob("*.py"))
    for one in re.findall("`(.*?)`", code):
        assert f'"{one}"' in text or one in {"method_not_allowed"}, one
