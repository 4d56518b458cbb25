"""Builds a plugin, installs it in an environment of its own, and runs its tests there."""

import importlib.util
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import attrs

from clientflow_core.errors import ClientFlowError
from clientflow_core.hookspecs import ENTRY_POINT_GROUP

_BACKEND: Final = "hatchling"
_STEP_SECONDS: Final = 120.0
_TESTS_SECONDS: Final = 1800.0
_LAST_LINES: Final = 40
# What a folder of installed packages is called; Debian has its own word.
_INSTALLED: Final = frozenset({"site-packages", "dist-packages"})
# Where another copy of the plugin could come from, before the one that is installed.
_NOT_PASSED_ON: Final = frozenset({"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV"})

Say = Callable[[str], None]


class PluginCheckFailed(ClientFlowError):
    """A plugin cannot be built, installed or tested, so that nothing can be said of its tier."""

    code = "plugin_check_failed"
    remedy = "Mend what it names; the last lines of the step that failed are with it."


@attrs.frozen(kw_only=True)
class CheckedPlugin:
    """What came of it.

    Attributes:
        tier: that which the conformance kit has computed; None below bronze.
        passed: every test of the plugin did, its own too.
        missing: the checks that keep it from the next tier, the lowest first.
        said: the end of what the tests said, where one failed.
    """

    name: str
    version: str
    tier: str | None
    passed: bool
    missing: Sequence[str]
    said: str | None

    @property
    def is_good(self) -> bool:
        """Whether it can be given to others."""
        return self.passed and self.tier is not None


def check(folder: Path, *, profile: str, say: Say) -> CheckedPlugin:
    """Build the plugin in *folder*, install the wheel apart, and run the tests of the sdist.

    Args:
        folder: has its ``pyproject.toml``.
        profile: of the conformance kit.
        say: is told of each step.

    Raises:
        PluginCheckFailed: it cannot be built, installed or tested.
    """
    _require_plugin(folder)
    with tempfile.TemporaryDirectory(prefix="clientflow-check-") as room:
        wheel, sdist = _build(folder, Path(room, "dist"))
        say(f"built {wheel.name} and {sdist.name}")
        python = _install(wheel, Path(room, "env"))
        say("installed the wheel in an environment of its own, on top of this one")
        sources = _unpack(sdist, Path(room, "sources"))
        name, version = wheel.name.split("-")[:2]
        result = Path(room, "conformance.json")
        ran = _run_tests(python, sources, result=result, profile=profile)
        say("ran the tests of the sdist")
        return _judge(ran, result, name=name.replace("_", "-"), version=version)


def _require_plugin(folder: Path) -> None:
    file = folder / "pyproject.toml"
    try:
        project = tomllib.loads(file.read_text("utf-8"))
    except OSError as error:
        msg = f"{file} cannot be read ({error.strerror}): name the folder of a plugin"
        raise PluginCheckFailed(msg) from error
    except ValueError as error:
        msg = f"{file} is no TOML: {error}"
        raise PluginCheckFailed(msg) from error
    if ENTRY_POINT_GROUP not in project.get("project", {}).get("entry-points", {}):
        msg = f'{file} names no plugin: it needs [project.entry-points."{ENTRY_POINT_GROUP}"]'
        raise PluginCheckFailed(msg)
    backend = str(project.get("build-system", {}).get("build-backend"))
    if not backend.startswith(_BACKEND):
        msg = f"{file} is built by {backend}, and only {_BACKEND} is known here"
        raise PluginCheckFailed(msg)
    if importlib.util.find_spec(_BACKEND) is None or importlib.util.find_spec("pip") is None:
        msg = f"to build it, {_BACKEND} and pip are needed here: python -m pip install {_BACKEND}"
        raise PluginCheckFailed(msg)


def _build(folder: Path, dist: Path) -> tuple[Path, Path]:
    arguments = ["-m", _BACKEND, "build", "-t", "sdist", "-t", "wheel", "-d", str(dist)]
    _step("it cannot be built", [sys.executable, *arguments], folder=folder)
    (wheel,), (sdist,) = dist.glob("*.whl"), dist.glob("*.tar.gz")
    return wheel, sdist


def _install(wheel: Path, environment: Path) -> Path:
    make = [sys.executable, "-m", "venv", "--without-pip"]
    _step("no environment can be made", [*make, str(environment)], folder=wheel.parent)
    python = environment / "bin" / "python"
    stand_on_this_environment(environment)
    options = ["--no-deps", "--no-index", "--no-build-isolation", "--disable-pip-version-check"]
    install = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", *options]
    _step("its wheel cannot be installed", [*install, str(wheel)], folder=wheel.parent)
    return python


def stand_on_this_environment(environment: Path) -> None:
    """Let *environment* see what is installed here, below what is installed in itself.

    With ``--system-site-packages`` it would see what lies below this one, if this is virtual too.
    """
    (packages,) = environment.glob("lib/python*/site-packages")
    given = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    lines = [str(Path(path).absolute()) for path in given if path]
    installed = [path for path in sys.path if Path(path).name in _INSTALLED]
    # By addsitedir, so that what is installed here as editable is seen as well.
    lines += [f"import site; site.addsitedir({path!r})" for path in installed]
    (packages / "_beneath.pth").write_text("\n".join(lines) + "\n", "utf-8")


def _unpack(sdist: Path, sources: Path) -> Path:
    with tarfile.open(sdist) as archive:
        archive.extractall(sources, filter="data")
    (folder,) = sources.iterdir()
    if not (folder / "tests").is_dir():
        msg = f"{sdist.name} has no folder tests: let the sdist include it"
        raise PluginCheckFailed(msg)
    return folder


def _run_tests(
    python: Path, sources: Path, *, result: Path, profile: str
) -> "subprocess.CompletedProcess[str]":
    arguments = ["-m", "pytest", "--quiet", "-p", "no:cacheprovider", "tests"]
    options = ["--conformance-profile", profile, "--conformance-result", str(result)]
    return _run([str(python), *arguments, *options], folder=sources, seconds=_TESTS_SECONDS)


def _judge(
    ran: "subprocess.CompletedProcess[str]", result: Path, *, name: str, version: str
) -> CheckedPlugin:
    if not result.exists():
        msg = f"the tests could not be run:\n{_last_lines(ran)}"
        raise PluginCheckFailed(msg)
    told: dict[str, Any] = json.loads(result.read_text("utf-8"))
    return CheckedPlugin(
        name=name,
        version=version,
        tier=told["tier"],
        passed=ran.returncode == 0,
        missing=[line for provider in told["providers"] for line in _missing(provider)],
        said=None if ran.returncode == 0 else _last_lines(ran),
    )


def _missing(provider: Mapping[str, Any]) -> Iterator[str]:
    """Give each check that keeps *provider* from its next tier, with the reason."""
    found = {check["id"]: check for check in provider["checks"]}
    for name in provider["missing"]:
        check = found[name]
        why = check["reason"] or check["outcome"]
        yield f"{provider['provider']}, for {check['tier']}: {name}: {why}"


def _step(what: str, command: Sequence[str], *, folder: Path) -> None:
    ran = _run(command, folder=folder, seconds=_STEP_SECONDS)
    if ran.returncode:
        msg = f"{what}:\n{_last_lines(ran)}"
        raise PluginCheckFailed(msg)


def _run(
    command: Sequence[str], *, folder: Path, seconds: float
) -> "subprocess.CompletedProcess[str]":
    passed_on = {k: v for k, v in os.environ.items() if k not in _NOT_PASSED_ON}
    # What pytest tells its own processes is not meant for these.
    environment = {k: v for k, v in passed_on.items() if not k.startswith("PYTEST_")}
    try:
        return subprocess.run(  # noqa: S603 - ours, and the plugin that it was asked to run
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        msg = f"this has not ended after {seconds:.0f} s: {' '.join(command[1:4])}"
        raise PluginCheckFailed(msg) from error


def _last_lines(ran: "subprocess.CompletedProcess[str]") -> str:
    return "\n".join(ran.stdout.rstrip().splitlines()[-_LAST_LINES:])
