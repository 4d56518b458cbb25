"""The stand-in: a lenient one would prove nothing."""

import re
from http import HTTPStatus
from typing import Any, Final

import aiohttp

from clientflow_core.testing.checks import Tier, check
from clientflow_core.testing.conformance import Conformance, load_sandbox
from clientflow_core.testing.stage import Stage

_PATH_PART: Final = re.compile(r"\{[^}]*\}")
_DEADLINE: Final = aiohttp.ClientTimeout(total=10)


class SandboxChecks(Conformance):
    """What the stand-in has to be, so that the other checks mean something."""

    @check("sandbox.is-the-one-of-the-spec", Tier.BRONZE, is_outside=True)
    def test_sandbox_is_the_one_of_the_spec(self) -> None:
        """``ProviderSpec.sandbox`` names a stand-in that can be imported, of the same name."""
        assert self.spec.sandbox, "the spec names no sandbox: without one, nobody can try it"
        named = load_sandbox(self.spec.sandbox)
        assert named.name == self.spec.name, f"it is called {named.name!r}, not {self.spec.name!r}"
        tested = self.sandbox_class()
        assert issubclass(tested, named), f"the spec names {named}, and tested is {tested}"

    @check("sandbox.settings-are-the-providers", Tier.BRONZE, is_outside=True)
    async def test_sandbox_settings_load(self, stage: Stage) -> None:
        """What the stand-in gives as settings can be loaded, and every account has its own."""
        assert stage.settings() is not None
        one, other = (self.sandbox_class().new_credentials() for _ in range(2))
        assert one != other, "new_credentials gives the same account twice"

    @check("sandbox.refuses-strangers", Tier.BRONZE, is_outside=True)
    async def test_sandbox_refuses_strangers(self, stage: Stage) -> None:
        """No part of the stand-in's API answers without credentials."""
        async with aiohttp.ClientSession(timeout=_DEADLINE) as session:
            routes = list(stage.sandbox.api_routes())
            private = [one for one in routes if one.path not in stage.sandbox.public_paths]
            assert private or not routes, "public_paths names all of the API"
            for route in private:
                path = _PATH_PART.sub("x", route.path)
                method = "GET" if route.method == "*" else route.method
                async with session.request(method, stage.sandbox.base_url + path) as answer:
                    is_no = (
                        HTTPStatus.BAD_REQUEST <= answer.status < HTTPStatus.INTERNAL_SERVER_ERROR
                    )
                    assert is_no, f"{method} {route.path} answers a stranger {answer.status}"

    @check("sandbox.forgets", Tier.SILVER, is_outside=True)
    async def test_sandbox_forgets(self, stage: Stage) -> None:
        """After a reset it is as it was in the beginning, and so are its switches."""
        before = stage.state()
        async with stage.provider() as provider:
            await self.use(provider, stage)
        stage.server.finish(stage.sandbox.reset)
        assert stage.state() == before, "its state is not what it was before it was used"

    @check("sandbox.shows-no-credentials", Tier.SILVER, is_outside=True)
    async def test_sandbox_shows_no_credentials(self, stage: Stage) -> None:
        """Its state, which everybody may read, holds no secret."""
        async with stage.provider() as provider:
            await self.use(provider, stage)
        shown = str(list(strings_in(stage.state())))
        seen = [name for name, secret in stage.secrets().items() if secret in shown]
        assert not seen, f"its state shows {', '.join(seen)}"


def strings_in(value: Any) -> list[str]:
    """Give every text in a JSON value."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        value = [*value, *value.values()]
    if isinstance(value, (list, tuple)):
        return [text for one in value for text in strings_in(one)]
    return []
