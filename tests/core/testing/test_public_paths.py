"""What the provider itself tells everybody its stand-in may tell strangers, and nothing else."""

import pytest
from aiohttp import web
from typing_extensions import override

from clientflow_core.testing import IdentityConformance
from tests.core.testing.signet.sandbox import SignetSandbox
from tests.core.testing.signet.spec import SIGNET
from tests.scaffolds import failures, runnable_checks

NAME = "sandbox.refuses-strangers"
CHECKS = {NAME: runnable_checks(IdentityConformance)[NAME]}


def failing(public: frozenset[str], *, open_path: str) -> dict[str, str]:
    class Open(SignetSandbox):
        public_paths = public

        @override
        def _is_known(self, request: web.Request) -> bool:
            return request.path.endswith(open_path) or super()._is_known(request)

    suite = type("TestIt", (IdentityConformance,), {"spec": SIGNET, "sandbox": Open})
    return failures(suite, CHECKS)


@pytest.mark.parametrize(
    ("public", "words"),
    [
        (frozenset({"/keys"}), None),
        (frozenset({"/users"}), "GET /keys answers a stranger 200"),
        (frozenset({"/account", "/keys", "/users"}), "public_paths names all of the API"),
    ],
)
def test_path_that_is_open_must_be_a_public_one(public: frozenset[str], words: str | None) -> None:
    found = failing(public, open_path="/keys")
    assert list(found) == ([] if words is None else [NAME])
    assert words is None or words in found[NAME]
