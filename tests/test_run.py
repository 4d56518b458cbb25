"""run.py as a stranger starts it: copied into small projects, and run for real.

The small project's ClientFlow prints its arguments; its lock names a package that lies beside it,
so that pip installs, hashes and fails as it does, but quickly and without a network.
"""

import ast
import contextlib
import fcntl
import hashlib
import importlib.util
import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import attrs
import pytest

RUN = Path(__file__).parent.parent / "run.py"
OLDEST_THAT_PARSES = (3, 6)

PYPROJECT = """\
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]

[project]
name = "clientflow"
version = "0.1.0"
"""

BACKEND = """
import os, pathlib, time, zipfile

FILES = {
    "clientflow.pth": str(pathlib.Path.cwd() / "src"),
    "METADATA": "Metadata-Version: 2.1\\nName: clientflow\\nVersion: 0.1.0\\n",
    "WHEEL": "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
    "entry_points.txt": "[console_scripts]\\nclientflow = tiny:main\\n",
    "RECORD": "clientflow.pth,,\\n",
}

def build_editable(folder, config_settings=None, metadata_directory=None):
    if "SLOW_BUILD" in os.environ:
        pathlib.Path(os.environ["SLOW_BUILD"]).write_text(str(os.getpid()))
        time.sleep(60)
    name = "clientflow-0.1.0-py3-none-any.whl"
    with zipfile.ZipFile(pathlib.Path(folder, name), "w") as wheel:
        for file, text in FILES.items():
            note = "" if file.endswith(".pth") else "clientflow-0.1.0.dist-info/"
            wheel.writestr(note + file, text)
    return name
"""

PROGRAM = """
import json, os, signal, sys, time

def main():
    print(json.dumps({"arguments": sys.argv[1:], "folder": os.getcwd()}), flush=True)
    if "wait" in sys.argv:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
        print("waiting", flush=True)
        time.sleep(60)
    return 3 if "fail" in sys.argv else 0
"""


@attrs.frozen
class Project:
    """A folder with run.py and a small ClientFlow."""

    folder: Path

    @property
    def venv(self) -> Path:
        return self.folder / ".venv"

    @property
    def packages(self) -> Path:
        (found,) = self.venv.glob("lib/python3*/site-packages")
        return found

    def lock(self, *lines: str, name: str = "run") -> None:
        """Write a lock of packages that lie in the folder ``wheels``."""
        text = "\n".join(["--no-index", f"--find-links {self.folder}/wheels", *lines, ""])
        (self.folder / "requirements" / f"{name}.txt").write_text(text)

    def start(self, *arguments: str, **environment: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, str(self.folder / "run.py"), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            cwd=self.folder.parent,
            env=clean_environment(**environment),
        )

    def run(self, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        with self.start(*arguments, **environment) as process:
            out, err = process.communicate(timeout=120)
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)


def clean_environment(**more: str) -> dict[str, str]:
    """Give ours, without what would make pip or coverage behave in another way."""
    ours = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PIP_", "COV", "PYTEST", "CLIENTFLOW"))
    }
    return {**ours, "PIP_CONFIG_FILE": os.devnull, "PIP_DISABLE_PIP_VERSION_CHECK": "1", **more}


def write_wheel(folder: Path, name: str, version: str = "1.0", program: str = "") -> str:
    """Write a wheel of one package; give its line in a lock."""
    note = f"{name}-{version}.dist-info"
    files = {
        f"{name}/__init__.py": f"version = {version!r}\n",
        f"{name}/__main__.py": program,
        f"{note}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{note}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for file, text in files.items():
            wheel.writestr(file, text)
        wheel.writestr(f"{note}/RECORD", "".join(f"{file},,\n" for file in files))
    return f"{name}=={version} --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"


def make_project(folder: Path) -> Project:
    for name in ("src", "requirements", "wheels"):
        (folder / name).mkdir(parents=True)
    shutil.copy(RUN, folder)
    (folder / "pyproject.toml").write_text(PYPROJECT)
    (folder / "backend.py").write_text(BACKEND)
    (folder / "src" / "tiny.py").write_text(PROGRAM)
    project = Project(folder)
    project.lock(write_wheel(folder / "wheels", "brick"))
    return project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project in which nothing is made yet."""
    return make_project(tmp_path / "project")


@pytest.fixture(scope="module")
def ready_project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project whose first start is over. Its .venv was made by hand, with a file of its own."""
    project = make_project(tmp_path_factory.mktemp("ready") / "project")
    subprocess.run([sys.executable, "-m", "venv", str(project.venv)], check=True, timeout=120)
    (project.venv / "mine").touch()
    first = project.run("--port", "8081", "two words")
    assert first.returncode == 0, first.stderr
    assert json.loads(first.stdout)["arguments"] == ["up", "--port", "8081", "two words"]
    assert "1 packages are in .venv" in first.stderr
    return project


@pytest.fixture
def ready(ready_project: Project) -> Iterator[Project]:
    """The same for one test; the next finds the lock, the project file and the stamp as before."""
    names = ("requirements/run.txt", "pyproject.toml", ".venv/installed.json")
    before = {name: (ready_project.folder / name).read_bytes() for name in names}
    yield ready_project
    for name, content in before.items():
        (ready_project.folder / name).write_bytes(content)


@pytest.fixture
def module(project: Project) -> ModuleType:
    """run.py, imported from a project of its own."""
    spec = importlib.util.spec_from_file_location("run", project.folder / "run.py")
    assert spec
    assert spec.loader
    run = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(run)
    return run


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.02)


# What the machine lacks


def run_as_python(version: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    """Run run.py with a Python that says it is *version*; *folder* is the whole search path."""
    program = f"""
        import runpy, shutil, subprocess, sys, importlib, pathlib, hashlib, contextlib
        sys.version_info = {version}
        runpy.run_path({str(RUN)!r}, run_name="__main__")
        """
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True,
        encoding="utf-8",
        env=clean_environment(PATH=str(folder)),
        timeout=30,
        check=False,
    )


def test_old_pythons_can_parse_it() -> None:
    ast.parse(RUN.read_text(), feature_version=OLDEST_THAT_PARSES)


@pytest.mark.parametrize("version", [(3, 6, 0), (3, 8, 18), (3, 10, 99)])
def test_old_python_is_told_which_one_is_needed_and_how_to_get_it(
    version: tuple[int, int, int], tmp_path: Path
) -> None:
    result = run_as_python(f"{version} + ('final', 0)", tmp_path)
    assert result.returncode == 2
    assert result.stdout == ""
    assert "needs Python 3.11 or newer; this is Python {}.{}.{} (".format(*version) in result.stderr
    assert "apt-get install python3 python3-venv" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(("exit_code", "told"), [(0, True), (127, False)])
def test_old_python_is_told_of_a_newer_one_that_works(
    exit_code: int, *, told: bool, tmp_path: Path
) -> None:
    newer = tmp_path / "python3.12"
    newer.write_text(f"#!/bin/sh\nexit {exit_code}\n")
    newer.chmod(0o755)
    result = run_as_python("(3, 9, 1, 'final', 0)", tmp_path)
    assert result.returncode == 2
    assert (f"{newer} run.py" in result.stderr) is told
    assert ("How to get one" in result.stderr) is not told


@pytest.mark.parametrize("name", ["venv", "ensurepip"])
def test_missing_module_is_told_with_the_line_that_installs_it(
    name: str, project: Project, tmp_path: Path
) -> None:
    (tmp_path / f"{name}.py").write_text(f"raise ModuleNotFoundError('no {name}')")
    result = project.run(PYTHONPATH=str(tmp_path))
    assert result.returncode == 2
    assert f"lacks its module {name}" in result.stderr
    assert "\n    apt-get install python3-venv\n" in result.stderr
    assert "Traceback" not in result.stderr
    assert not project.venv.exists()


@pytest.fixture
def locked_folder() -> Iterator[Path]:
    """A project that everybody may read and nobody but its owner may write."""
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    project = make_project(folder / "project").folder
    folder.chmod(0o755)
    project.chmod(0o555)
    yield project
    project.chmod(0o755)
    shutil.rmtree(folder)


def test_folder_that_is_not_writable_is_named(locked_folder: Path) -> None:
    # Root may write everywhere, so the process becomes nobody once all is imported.
    program = f"""
        import importlib.util, os, sys
        spec = importlib.util.spec_from_file_location("run", {str(locked_folder / "run.py")!r})
        run = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(run)
        if os.geteuid() == 0:
            os.setuid(65534)
        sys.exit(run.main([]))
        """
    result = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True,
        encoding="utf-8",
        env=clean_environment(),
        timeout=30,
        check=False,
    )
    assert result.returncode == 2
    assert result.stderr == (
        f"run.py: cannot write in {locked_folder}, where .venv has to be; run this as its owner\n"
    )


# What is made, and when


def test_second_start_installs_nothing_and_says_nothing(ready: Project) -> None:
    before = (ready.venv / "install.log").stat().st_mtime_ns
    result = ready.run("--json")
    assert (result.returncode, result.stderr) == (0, "")
    assert (ready.venv / "install.log").stat().st_mtime_ns == before


def test_venv_made_by_hand_is_kept(ready: Project) -> None:
    assert (ready.venv / "mine").exists()


def test_arguments_folder_and_exit_code_pass_through(ready: Project) -> None:
    result = ready.run("fail", "--help")
    assert result.returncode == 3
    expected = {"arguments": ["up", "fail", "--help"], "folder": str(ready.folder.parent)}
    assert json.loads(result.stdout) == expected


def test_signal_reaches_what_was_started(ready: Project) -> None:
    with ready.start("wait") as process:
        assert process.stdout
        process.stdout.readline()
        assert process.stdout.readline() == "waiting\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 7


def test_changed_lock_is_installed_over_the_old_one(ready: Project) -> None:
    ready.lock(write_wheel(ready.folder / "wheels", "brick", "2.0"))
    assert "1 packages are in .venv" in ready.run().stderr
    assert [note.name for note in ready.packages.glob("brick-*")] == ["brick-2.0.dist-info"]
    assert (ready.venv / "mine").exists()


def test_changed_project_file_installs_again(ready: Project) -> None:
    with (ready.folder / "pyproject.toml").open("a") as file:
        file.write("# changed\n")
    assert "packages are in .venv" in ready.run().stderr
    assert ready.run().stderr == ""


def test_package_that_pip_was_killed_at_is_installed_again(ready: Project) -> None:
    (brick,) = ready.packages.glob("brick-*.dist-info")
    (brick / "RECORD").unlink()
    (ready.packages / "brick" / "__init__.py").unlink()
    stamp = json.loads((ready.venv / "installed.json").read_text())
    (ready.venv / "installed.json").write_text(json.dumps({"made": stamp["made"]}))

    assert "packages are in .venv" in ready.run().stderr
    assert (ready.packages / "brick" / "__init__.py").exists()
    assert (ready.venv / "mine").exists()


def test_venv_whose_stamp_is_illegible_is_not_whole(module: ModuleType) -> None:
    module.VENV.mkdir()
    module.STAMP.write_text("{ half a st")
    assert module.read_stamp() == {}
    assert not module.is_whole()


def test_venv_that_was_not_made_to_the_end_is_not_whole(ready: Project, module: ModuleType) -> None:
    module.VENV.symlink_to(ready.venv)
    module.STAMP.unlink()
    assert module.is_whole()  # somebody else's
    module.write_stamp()
    assert not module.is_whole()


@pytest.mark.parametrize("made", ["cpython-38 {root}", "{tag} /elsewhere"])
def test_venv_of_another_python_or_folder_is_not_whole(
    made: str, ready: Project, module: ModuleType
) -> None:
    module.VENV.symlink_to(ready.venv)
    tag = module.own_tag()
    module.write_stamp(made=f"{tag} {module.ROOT}")
    assert module.is_whole()
    module.write_stamp(made=made.format(tag=tag, root=module.ROOT))
    assert not module.is_whole()


@pytest.mark.timeout(180)
def test_broken_venv_is_made_again(project: Project) -> None:
    (project.venv / "bin").mkdir(parents=True)
    (project.venv / "bin" / "python").symlink_to("/nowhere/python3")
    (project.venv / "rubble").touch()
    result = project.run()
    assert result.returncode == 0, result.stderr
    assert "removing .venv: it is broken" in result.stderr
    assert not (project.venv / "rubble").exists()
    assert project.run().stderr == ""


def test_link_in_place_of_a_venv_is_removed_and_what_it_points_to_is_not(
    module: ModuleType, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "kept").touch()
    module.VENV.symlink_to(elsewhere)
    module.remove_venv()
    assert not module.VENV.exists()
    assert (elsewhere / "kept").exists()


def test_second_run_at_the_same_time_waits(ready: Project) -> None:
    ready.lock(write_wheel(ready.folder / "wheels", "brick", "3.0"))
    with contextlib.ExitStack() as stack:
        folder = os.open(ready.folder, os.O_RDONLY)
        stack.callback(os.close, folder)
        fcntl.flock(folder, fcntl.LOCK_SH)
        process = stack.enter_context(ready.start())
        assert process.stderr
        assert process.stderr.readline() == (
            "waiting for another run.py, which is at work on .venv\n"
        )
        fcntl.flock(folder, fcntl.LOCK_UN)
        assert "packages are in .venv" in process.communicate(timeout=60)[1]
        assert process.returncode == 0


# When an install fails or is interrupted


def test_failure_of_pip_is_told_with_its_last_words(ready: Project) -> None:
    ready.lock("nowhere==1.0 --hash=sha256:" + "0" * 64)
    result = ready.run()
    assert (result.returncode, result.stdout) == (2, "")
    assert "run.py: pip could not install the packages" in result.stderr
    assert "    ERROR: No matching distribution found for nowhere==1.0" in result.stderr
    assert f"All of them: {ready.venv / 'install.log'}" in result.stderr
    assert "Is there a network?" in result.stderr
    assert ready.run().returncode == 2, "a failed install must not count as done"


def test_package_with_another_hash_is_refused(ready: Project) -> None:
    line = write_wheel(ready.folder / "wheels", "brick", "4.0")
    ready.lock(line[:-64] + "0" * 64)
    result = ready.run()
    assert result.returncode == 2
    assert "THESE PACKAGES DO NOT MATCH THE HASHES" in result.stderr
    assert "network" not in result.stderr


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_interrupted_install_ends_quietly_with_all_that_it_started(
    number: signal.Signals, code: int, ready: Project, tmp_path: Path
) -> None:
    ready.lock("# changed", write_wheel(ready.folder / "wheels", "brick", "5.0"))
    building = tmp_path / "building"
    with ready.start(SLOW_BUILD=str(building)) as process:
        wait_for(lambda: building.exists() and building.read_text() != "")
        process.send_signal(number)
        _, err = process.communicate(timeout=30)
    assert process.returncode == code
    assert "Traceback" not in err
    wait_for(lambda: not is_running(int(building.read_text())))
    stamp = json.loads((ready.venv / "installed.json").read_text())
    assert list(stamp) == ["made"], "the next start must finish it"


def is_running(pid: int) -> bool:
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False


# What is seen


def test_terminal_shows_one_line_that_changes(ready: Project) -> None:
    ready.lock("# changed", write_wheel(ready.folder / "wheels", "brick", "6.0"))
    ours, theirs = pty.openpty()
    environment = clean_environment(TERM="xterm", COLUMNS="40")
    command = [sys.executable, str(ready.folder / "run.py")]
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=theirs, env=environment
    )
    os.close(theirs)
    seen = b""
    with process, contextlib.suppress(OSError):
        while piece := os.read(ours, 4096):
            seen += piece
    os.close(ours)
    assert process.returncode == 0
    shown = seen.decode().split("\r\x1b[K")
    assert any("installing ClientFlow" in line for line in shown)
    assert all(len(line) < 40 for line in shown[:-1])
    assert "1 packages are in .venv" in shown[-1]


COLLECTED = """
Ignoring colorama: markers 'sys_platform == "win32"' don't match your environment
Collecting aiohttp==3.14.5 (from -r requirements/run.txt (line 7))
  Downloading aiohttp-3.14.5-cp311-cp311-manylinux_2_28_x86_64.whl (1.9 MB)
WARNING: Location 'file:///somewhere' is ignored
Processing /wheels/argon2_cffi-25.1.0-py3-none-any.whl (from -r requirements/run.txt (line 185))
"""


@pytest.mark.parametrize(
    ("log", "words"),
    [
        ("", "starting pip"),
        ("Collecting attrs==26.1.0 (from -r run.txt (line 2))\n", "[ 1/12] fetching attrs"),
        (COLLECTED, "[ 3/12] fetching argon2-cffi"),
        (
            "Collecting attrs\nWARNING: Retrying (Retry(total=4))\n",
            "the package index does not answer; pip tries again",
        ),
        (
            "WARNING: Retrying (Retry(total=4))\nCollecting attrs==26.1.0 (from run.txt)\n",
            "[ 1/12] fetching attrs",
        ),
        (COLLECTED + "Installing collected packages: attrs, aiohttp\n", "[1/2] installing attrs"),
    ],
)
def test_progress_is_read_from_the_log_of_pip(log: str, words: str, module: ModuleType) -> None:
    module.VENV.mkdir()
    module.LOG.write_text(log)
    lock = module.lock_file("run")
    lock.write_text("".join(f"p{n}[extra]==1.0 \\\n    --hash=sha256:0\n" for n in range(12)))
    assert module.PackageCount(lock).words() == words


def test_progress_counts_what_pip_has_noted_as_installed(module: ModuleType) -> None:
    packages = module.VENV / "lib" / "python3.11" / "site-packages"
    (packages / "pip-23.0.dist-info").mkdir(parents=True)
    count = module.PackageCount(module.lock_file("run"))
    module.LOG.write_text("x\nInstalling collected packages: attrs, aiohttp, yarl\n")
    (packages / "attrs-26.1.0.dist-info").mkdir()
    assert count.words() == "[2/3] installing aiohttp"


# The tests


def test_tests_are_started_with_their_own_lock_in_the_folder_of_the_project(ready: Project) -> None:
    program = "import json, os, sys; print(json.dumps([sys.argv[1:], os.getcwd()]))"
    wheels = ready.folder / "wheels"
    ready.lock(
        write_wheel(wheels, "brick"), write_wheel(wheels, "pytest", program=program), name="test"
    )
    result = ready.run("test", "-k", "one and two")
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout) == [["-k", "one and two"], str(ready.folder)]
    assert ready.run().stderr == "", "the lock of the tests holds what run needs"


BRANCHES = """
def sign(number):
    if number < 0:
        return "-"
    return "+"
"""
TEST_OF_BRANCHES = """
import pytest
import clientflow_core, clientflow_plugins, clientflow_host

@pytest.mark.parametrize("package", [clientflow_core, clientflow_plugins, clientflow_host])
def test_sign(package):
    assert package.sign(1) == "+"
    if package.__name__ not in {missed}:
        assert package.sign(-1) == "-"
"""


@pytest.mark.parametrize(
    ("missed", "code", "words"),
    [
        ([], 0, ""),
        (["clientflow_host"], 1, "not enough of the branches is covered in clientflow_host\n"),
        (
            ["clientflow_core", "clientflow_plugins"],
            1,
            "not enough of the branches is covered in clientflow_core, clientflow_plugins\n",
        ),
    ],
)
def test_coverage_gates_each_package_where_nothing_may_be_skipped(
    missed: list[str], code: int, words: str, project: Project
) -> None:
    make_measured(project.folder, missed)
    result = run_tests_there(project.folder, CLIENTFLOW_REQUIRE_ALL="1")
    assert result.returncode == code, result.stdout + result.stderr
    assert words in result.stderr
    assert "coverage of clientflow_host, at least 90 %" in result.stderr


def test_coverage_gates_nothing_elsewhere(project: Project) -> None:
    make_measured(project.folder, ["clientflow_core"])
    result = run_tests_there(project.folder)
    assert result.returncode == 0
    assert "coverage of" not in result.stderr
    assert not list(project.folder.glob(".coverage*"))


def test_failing_tests_fail_before_any_coverage_is_told(project: Project) -> None:
    make_measured(project.folder, [])
    (project.folder / "test_sign.py").write_text("def test_no(): assert False")
    result = run_tests_there(project.folder, CLIENTFLOW_REQUIRE_ALL="1")
    assert result.returncode == 1
    assert "coverage of" not in result.stderr


def make_measured(folder: Path, missed: list[str]) -> None:
    """Make three packages with one branch each, and tests that leave out those in *missed*."""
    for package in ("clientflow_core", "clientflow_plugins", "clientflow_host"):
        (folder / "src" / package).mkdir()
        (folder / "src" / package / "__init__.py").write_text(BRANCHES)
    (folder / "test_sign.py").write_text(TEST_OF_BRANCHES.format(missed=missed))
    settings = '[tool.coverage.run]\nbranch = true\nparallel = true\nsource = ["src"]\n'
    (folder / "pyproject.toml").write_text(settings)
    # The real pytest and the real coverage, of the environment that runs this test.
    (folder / ".venv").symlink_to(sys.prefix)


def run_tests_there(folder: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    program = "import sys, run; run.prepare = lambda lock: None; sys.exit(run.main(['test', '-q']))"
    return subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        encoding="utf-8",
        cwd=folder,
        env=clean_environment(
            PYTHONPATH=f"{folder}:{folder / 'src'}",
            # Those that are installed take seconds, and the package of one is hidden by these.
            PYTEST_DISABLE_PLUGIN_AUTOLOAD="1",
            **environment,
        ),
        timeout=60,
        check=False,
    )
