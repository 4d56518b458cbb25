import asyncio
import runpy
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

import pytest
from aiohttp.test_utils import TestServer

from clientflow_core.domain.identities import Assurance, Identity
from clientflow_core.errors import Unauthenticated
from clientflow_core.sandbox import ControlBody, build_sandbox_app
from clientflow_core.secret import Secret
from clientflow_plugins.supabase.sandbox import SupabaseSandbox
from tests.examples.conftest import EXAMPLES, Example, blocked_beside

NAME: Final = "who_is_it.py"
Recognize = Callable[[Secret], Awaitable[Identity]]


@pytest.fixture
async def project() -> AsyncIterator[SupabaseSandbox]:
    """A project of Supabase's, whose settings are in the environment of this process."""
    made = SupabaseSandbox(
        base_url="http://not-yet",
        host_url="http://nobody",
        credentials=SupabaseSandbox.new_credentials(),
    )
    async with TestServer(build_sandbox_app([made])) as server:
        made.base_url = str(server.make_url("/supabase"))
        with pytest.MonkeyPatch.context() as environment:
            for name, value in made.settings().items():
                environment.setenv(name, value)
            yield made


@pytest.fixture
def recognize() -> Recognize:
    """Give the example's own function."""
    found: Recognize = runpy.run_path(str(EXAMPLES / NAME))["recognize"]
    return found


async def token_of(project: SupabaseSandbox, **fields: str) -> str:
    told = await project.inbound(ControlBody({"event": "token.issued", **fields}))
    return str(told["token"])


async def test_person_is_recognized_with_nothing_else_installed(project: SupabaseSandbox) -> None:
    example = Example(blocked=blocked_beside("supabase"), settings=project.settings())
    result = await asyncio.to_thread(
        subprocess.run,
        example.command(NAME),
        env=example.environment(),
        input=await token_of(project),
        capture_output=True,
        encoding="utf-8",
        timeout=30,
        check=False,
    )
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith("11111111-2222-4333-8444-555555555555 by single factor, until ")
    assert result.stdout.endswith("\ngrace@example.com, not verified\n")


async def test_second_factor_is_seen(project: SupabaseSandbox, recognize: Recognize) -> None:
    person = await recognize(Secret(await token_of(project, aal="aal2")))
    assert person.assurance is Assurance.MULTI_FACTOR


@pytest.mark.parametrize(
    "fields", [{"audience": "anon"}, {"issuer": "https://elsewhere"}, {"lifetime_seconds": "-99"}]
)
async def test_token_for_somebody_else_is_nobodys(
    project: SupabaseSandbox, recognize: Recognize, fields: dict[str, str]
) -> None:
    with pytest.raises(Unauthenticated):
        await recognize(Secret(await token_of(project, **fields)))
