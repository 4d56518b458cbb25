import ast
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import clientflow_core

HEAVY = (
    "sqlalchemy",
    "psycopg",
    "saq",
    "alembic",
    "aiohttp.web",
    "twilio",
    "clientflow_core.persistence",
    "clientflow_core.jobs",
    "clientflow_core.services",
    "clientflow_core.sandbox",
    "clientflow_plugins",
)
PROGRAM = f"""
import sys
import clientflow_core
heavy = [name for name in {HEAVY!r} if name in sys.modules]
assert not heavy, heavy
"""


def test_names_are_sorted_and_each_is_there_once() -> None:
    names = clientflow_core.__all__
    assert list(names) == sorted(set(names))


@pytest.mark.parametrize("name", clientflow_core.__all__)
def test_name_is_importable_and_documented(name: str) -> None:
    value = getattr(clientflow_core, name)
    assert value.__doc__
    if inspect.isclass(value) or inspect.isfunction(value):
        assert value.__module__.startswith("clientflow_core.")
        assert inspect.getdoc(value) != inspect.getdoc(type(value))


def test_every_name_that_is_imported_is_public() -> None:
    tree = ast.parse(Path(clientflow_core.__file__).with_suffix(".pyi").read_text("utf-8"))
    froms = [node for node in tree.body if isinstance(node, ast.ImportFrom)]
    imported = {alias.asname or alias.name for node in froms for alias in node.names}
    [listed] = [node.value for node in tree.body if isinstance(node, ast.Assign)]
    assert imported == set(ast.literal_eval(listed)) == set(clientflow_core.__all__)


def test_importing_the_package_imports_no_server_database_or_sdk() -> None:
    subprocess.run([sys.executable, "-W", "error", "-c", PROGRAM], check=True, timeout=30)


def test_no_module_of_core_imports_names_from_the_top_package() -> None:
    # Modules are written "from clientflow_core import failpoints"; names would make a cycle.
    source = Path(clientflow_core.__file__).parent.parent
    for file in sorted(source.glob("clientflow_core/**/*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module == "clientflow_core":
                names = {alias.name for alias in node.names}
                assert not names & set(clientflow_core.__all__), file
