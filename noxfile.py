"""The checks beside the tests. They run in the environment that runs nox: the .venv of run.py.

.venv/bin/nox             what .ci/run runs after the tests
.venv/bin/nox -s lint     one of them; -l lists all
"""

import argparse
import contextlib
import datetime as dt
import json
import re
import secrets
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import nox

nox.needs_version = ">=2026.10"
nox.options.default_venv_backend = "none"
nox.options.error_on_external_run = True
nox.options.stop_on_first_error = False

ROOT = Path(__file__).resolve().parent
PACKAGES = ("clientflow_core", "clientflow_plugins", "clientflow_host")

# What an installed ClientFlow needs beside its modules.
DATA_FILES = (
    *(f"{package}/py.typed" for package in PACKAGES),
    "clientflow_core/persistence/migrations/script.py.mako",
    "clientflow_core/persistence/migrations/versions/m0001_main_job.py",
)

# The inputs of each lock. The build backend is among them, since a checkout is installed without
# build isolation.
LOCKS = {
    "test": ("dev",),
    "run": ("all", "build"),
}


def tool(name: str) -> str:
    """Give the path of a program of this environment, whatever PATH says."""
    return str(Path(sys.executable).parent / name)


@nox.session
def lint(session: nox.Session) -> None:
    """Look for mistakes, for text that is not formatted, and for misspelled words."""
    session.run(tool("ruff"), "check")
    session.run(tool("ruff"), "format", "--check")
    session.run(tool("codespell"))


@nox.session
def types(session: nox.Session) -> None:
    """Check the types of the sources, the tests, run.py and this file."""
    session.run(tool("mypy"), *session.posargs)


@nox.session
def imports(session: nox.Session) -> None:
    """Check that the layers import each other only as pyproject.toml allows."""
    session.run(tool("lint-imports"))


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation, in which nothing may be amiss; it is then in build/docs."""
    target = ROOT / "build" / "docs"
    session.run(
        tool("sphinx-build"), "--fail-on-warning", "--keep-going", "--nitpicky", "--quiet",
        "--fresh-env", "--doctree-dir", str(ROOT / "build" / "doctrees"), "docs", str(target),
    )  # fmt: skip
    files = [*target.rglob("*.html"), *target.rglob("*.css")]
    foreign = [f"{file.name}: {match[0]}" for file in files if (match := foreign_load(file))]
    if foreign:
        session.error(f"pages load something from elsewhere: {', '.join(foreign)}")


def foreign_load(file: Path) -> "re.Match[str] | None":
    """Find what a browser would fetch from another place to show *file*."""
    tag = r"<(?:script|link|img|iframe|source)\b[^>]*\b(?:src|href)="
    return re.search(
        rf"(?:{tag}|url\(|@import\s)\s*[\"']?(?:https?:)?//[^\"')>]*", file.read_text("utf-8")
    )


@nox.session
def build(session: nox.Session) -> None:
    """Build the wheel and the sdist, and see that both hold every file of the sources.

    With them go the commit, and what the last run of the tests on it has proven.
    """
    with tempfile.TemporaryDirectory() as folder, commit_noted():
        wanted = set(DATA_FILES) | source_files()
        session.run(tool("hatchling"), "build", "-t", "sdist", "-t", "wheel", "-d", folder)
        (wheel,) = Path(folder).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            missing = wanted - set(archive.namelist())
        (sdist,) = Path(folder).glob("*.tar.gz")
        with tarfile.open(sdist) as archive_of_sources:
            held = {name.partition("/src/")[2] for name in archive_of_sources.getnames()}
    missing |= wanted - held
    if missing:
        session.error(f"the wheel or the sdist lacks {', '.join(sorted(missing))}")


@contextlib.contextmanager
def commit_noted() -> Iterator[None]:
    """Lay the commit beside the sources for as long as the block runs, if it can be told."""
    asked = ["git", "-c", "safe.directory=*", "rev-parse", "HEAD"]
    found = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=False)
    note = ROOT / "src" / "clientflow_core" / "build.json"
    if found.returncode == 0:
        now = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
        said = {"commit": found.stdout.strip(), "built_at": now}
        note.write_text(json.dumps(said) + "\n", "utf-8")
    try:
        yield
    finally:
        note.unlink(missing_ok=True)


def source_files() -> set[str]:
    """Give the paths below src of all that belongs into the wheel."""
    files = (file for file in (ROOT / "src").rglob("*") if file.is_file())
    return {
        file.relative_to(ROOT / "src").as_posix()
        for file in files
        if "__pycache__" not in file.parts and ".egg-info" not in str(file)
    }


@nox.session(default=False)
def tests(session: nox.Session) -> None:
    """Run the tests, as python3 run.py test does; arguments after -- go to pytest."""
    session.run(tool("python"), "-m", "pytest", *session.posargs)


@nox.session(default=False)
def conformance(session: nox.Session) -> None:
    """Let our own plugins prove their tiers, and keep the results that they bring along."""
    for package in sorted((ROOT / "src" / "clientflow_plugins").glob("*/clientflow.json")):
        tests_of_it = ROOT / "tests" / "plugins" / package.parent.name / "test_conformance.py"
        session.run(
            tool("python"), "-m", "pytest", "--quiet", "-p", "no:cacheprovider", str(tests_of_it),
            "--conformance-result", str(package.with_name("conformance.json")), *session.posargs,
        )  # fmt: skip


@nox.session(default=False)
def mutants(session: nox.Session) -> None:
    """Hold each broken provider of the kit against every check, not the one alone that it fails."""
    session.run(
        tool("python"), "-m", "pytest", "--quiet", "-p", "no:cacheprovider",
        "tests/core/testing/test_conformance.py", "-k", "no_other_check", *session.posargs,
        env={"CLIENTFLOW_ALL_MUTANTS": "1"},
    )  # fmt: skip


@nox.session
def torture(session: nox.Session) -> None:
    """Kill, freeze and cut off: -- SESSION [--n N] [--seconds S] [--seed N] [--json FILE].

    short is four of them in a short form, and without a session it is two of those, so that CI ends
    in time. The sessions are in tests/torture; pytest is that of the tests that are marked so, in
    their long form.
    """
    name, *options = session.posargs or ["short", "--n", "2"]
    if name == "pytest":
        session.run(
            tool("python"), "-m", "pytest", "-m", "torture", *options,
            env={"CLIENTFLOW_TORTURE_TEXTS": "500"},
        )  # fmt: skip
    else:
        session.run(tool("python"), "-m", "tests.torture", name, *options)


@nox.session(default=False)
def plans(session: nox.Session) -> None:
    """Look whether any statement reads a whole table of 100,000 rows."""
    session.run(
        tool("python"), "-m", "pytest", "tests/core/persistence/test_query_plans.py",
        *session.posargs, env={"CLIENTFLOW_PLAN_ROWS": "100000"},
    )  # fmt: skip


@nox.session(default=False)
def fuzz(session: nox.Session) -> None:
    """Send the host generated requests, others each time: -- [--seconds 300] [--seed N]."""
    options = argparse.ArgumentParser(prog="nox -s fuzz --")
    options.add_argument("--seconds", type=int, default=300)
    options.add_argument("--seed", type=int, default=secrets.randbelow(2**32))
    given = options.parse_args(session.posargs)
    session.log(f"again by: nox -s fuzz -- --seconds {given.seconds} --seed {given.seed}")
    session.run(
        tool("python"), "-m", "pytest", "-m", "fuzz", "--capture=no", "tests/host/openapi",
        env={
            "CLIENTFLOW_FUZZ_SECONDS": str(given.seconds),
            "CLIENTFLOW_FUZZ_SEED": str(given.seed),
        },
    )  # fmt: skip


@nox.session(default=False)
def bench(session: nox.Session) -> None:
    """Measure: -- NAME... [--rounds 5] [--seconds 3] [--short]; the names are in benchmarks."""
    session.run(tool("python"), "-m", "benchmarks", *session.posargs)


@nox.session(default=False, venv_backend="venv")
def lock(session: nox.Session) -> None:
    """Write requirements/*.txt anew from pyproject.toml; with -- --upgrade, to the newest.

    One file serves Python 3.11 to 3.14 on Linux and macOS. It names no package index.
    """
    session.install("uv")
    for name, extras in LOCKS.items():
        session.run(
            "uv", "pip", "compile", "pyproject.toml",
            *(f"--extra={extra}" for extra in extras),
            "--universal", "--python-version=3.11", "--generate-hashes", "--no-emit-index-url",
            "--custom-compile-command=nox -s lock", f"--output-file=requirements/{name}.txt",
            *session.posargs,
        )  # fmt: skip


# What the pages use of others, each with its licence: from node_modules to our name for it.
VENDORED = {
    "htmx.org/dist/htmx.min.js": "htmx.min.js",
    "htmx.org/dist/ext/hx-sse.min.js": "hx-sse.min.js",
    "htmx.org/LICENSE": "htmx.LICENSE.txt",
    "swagger-ui-dist/swagger-ui.css": "swagger-ui.css",
    "swagger-ui-dist/swagger-ui-bundle.js": "swagger-ui-bundle.js",
    "swagger-ui-dist/swagger-ui-bundle.js.LICENSE.txt": "swagger-ui-bundle.LICENSE.txt",
    "swagger-ui-dist/LICENSE": "swagger-ui.LICENSE.txt",
    "swagger-ui-dist/NOTICE": "swagger-ui.NOTICE.txt",
}


@nox.session(default=False)
def vendor(session: nox.Session) -> None:
    """Copy what the pages use of others out of the packages that frontend/ locks; needs npm."""
    frontend, static = ROOT / "frontend", ROOT / "src" / "clientflow_host" / "pages" / "static"
    with session.chdir(frontend):
        session.run("npm", "ci", "--ignore-scripts", external=True)
    for source, name in VENDORED.items():
        (static / name).write_bytes((frontend / "node_modules" / source).read_bytes())


if __name__ == "__main__":
    nox.main()
