"""What GitHub tells of the repository: asked of a server that answers as GitHub does."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any, Final

import pytest
from aiohttp import web

from clientflow_core.contributions.checks import CheckResult
from clientflow_core.secret import Secret
from clientflow_host.checklist.running import Chosen, run_checklist
from clientflow_host.repository_settings import RepositorySettings
from tests.host.checklist.conftest import Context

TOKEN: Final = "a token of the tests alone"
RUN: Final = {
    "conclusion": "success",
    "head_sha": "0123456789abcdef",
    "html_url": "https://github.example/run/1",
}
ALERT: Final = {
    "rule": {"description": "Clear-text logging"},
    "html_url": "https://github.example/alert/1",
}
SECRETS: Final = [
    {"name": name} for name in ("DATABASE_URL", "CLIENTFLOW_OWNER_DATABASE_URL", "FLY_API_TOKEN")
]


@contextlib.asynccontextmanager
async def github(answers: dict[str, Any]) -> AsyncIterator[str]:
    """Answer each path below the repository; anything without the token is refused."""

    async def answer(request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return web.json_response({"message": "Bad credentials"}, status=401)
        return web.json_response(answers[request.match_info["path"]])

    app = web.Application()
    app.router.add_get("/repos/example/clientflow/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{site.port}"
    finally:
        await runner.cleanup()


async def ask(item_id: str, context: Context, url: str, *, token: str = TOKEN) -> CheckResult:
    settings = RepositorySettings(name="example/clientflow", token=Secret(token), api_url=url)
    subject = context(repository=settings)
    (answered,) = await run_checklist(subject, chosen=Chosen(ids=[item_id]))
    result = await answered.checks[0].run()
    assert TOKEN not in str(answered) + str(result)
    return result


def runs(**changes: str) -> dict[str, Any]:
    return {"actions/workflows/ci.yml/runs": {"workflow_runs": [RUN | changes]}}


@pytest.mark.parametrize(
    ("item_id", "answers", "status"),
    [
        ("CG1", runs(), "passed"),
        ("CG1", runs(conclusion="failure"), "failed"),
        ("CG1", {"actions/workflows/ci.yml/runs": {"workflow_runs": []}}, "failed"),
        ("CS1", {"actions/secrets": {"secrets": SECRETS}}, "passed"),
        ("CS1", {"actions/secrets": {"secrets": SECRETS[1:]}}, "failed"),
        ("CS5", {"code-scanning/alerts": []}, "passed"),
        ("CS5", {"code-scanning/alerts": [ALERT]}, "failed"),
        ("CS5", {"code-scanning/alerts": {"message": "no"}}, "failed"),
    ],
)
async def test_what_github_tells_is_told(
    context: Context, item_id: str, answers: dict[str, Any], status: str
) -> None:
    async with github(answers) as url:
        found = await ask(item_id, context, url)
    assert found.status == status
    assert status == "passed" or found.hint


@pytest.mark.parametrize("item_id", ["CG1", "CS1", "CS5"])
async def test_token_that_is_refused_is_told_and_not_shown(context: Context, item_id: str) -> None:
    async with github({}) as url:
        found = await ask(item_id, context, url, token="another token")
    assert found.status == "failed"
    assert "with 401: the token may not read it" in found.found


@pytest.mark.parametrize("item_id", ["CG1", "CS1", "CS5"])
async def test_without_a_repository_nothing_is_asked(context: Context, item_id: str) -> None:
    (answered,) = await run_checklist(context(), chosen=Chosen(ids=[item_id]))
    result = await answered.checks[0].run()
    assert result.status == "skipped"
    assert "CLIENTFLOW_GITHUB_REPOSITORY" in result.hint
