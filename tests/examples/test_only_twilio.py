"""That the other tests of this folder would notice an import of something that is not there."""

from pathlib import Path

import pytest

from tests.examples.conftest import EXAMPLES, Example

HEAVY = ("sqlalchemy", "psycopg", "psycopg_pool", "saq", "alembic", "jinja2", "msgspec", "orjson")


def test_service_is_blocked_and_the_library_is_not(blocked: frozenset[str]) -> None:
    assert blocked.issuperset(HEAVY)
    assert blocked.issuperset({"clientflow_host", "clientflow_core.persistence", "pytest"})
    assert not blocked & {"clientflow_core", "attr", "attrs", "aiohttp", "twilio", "phonenumbers"}


@pytest.mark.parametrize("name", [*HEAVY, "clientflow_core.persistence.database"])
def test_import_of_what_is_not_installed_fails(
    name: str, bare_example: Example, tmp_path: Path
) -> None:
    program = tmp_path / "program.py"
    program.write_text(f"import {name}\n")
    result = bare_example.run(str(program))
    assert result.returncode == 1
    assert f"ModuleNotFoundError: No module named '{name}" in result.stderr or (
        "No module named 'clientflow_core.persistence'" in result.stderr
    )


def test_every_example_has_its_tests() -> None:
    tests = {file.name.removeprefix("test_") for file in Path(__file__).parent.glob("test_*.py")}
    assert {file.name for file in EXAMPLES.glob("*.py")} <= tests
