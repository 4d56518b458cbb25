#!/usr/bin/env python3
"""The two commands of ClientFlow, for a machine that has only Python.

    python3 run.py ARGS...        everything on this machine; the same as clientflow up ARGS...
    python3 run.py test ARGS...   the tests; the same as pytest ARGS...

Both first make .venv beside this file and install there what requirements/ locks, by hash. The
next start finds that done and takes no time for it. An install that was interrupted is finished,
and a .venv that is broken, moved or of another Python is made again.

Only the standard library is used, and only syntax that Python 3.6 can parse, so that an old Python
comes as far as the words about itself. Standard output is left to what is started.
"""

import contextlib
import hashlib
import importlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

OLDEST_PYTHON = (3, 11)
NEWEST_PYTHON = (3, 14)
# They wait for servers and processes, and those that are late fail where there are too many.
SIDE_BY_SIDE = ["-n", "3", "--dist", "worksteal"]


def words_for_old_python() -> str:
    """Say which Python is needed, and how to come by one."""
    present = "{}.{}.{} ({})".format(*sys.version_info[:3], sys.executable)
    words = (
        f"run.py: ClientFlow needs Python 3.{OLDEST_PYTHON[1]} or newer; this is Python {present}."
    )
    for minor in range(NEWEST_PYTHON[1], OLDEST_PYTHON[1] - 1, -1):
        found = shutil.which(f"python3.{minor}")
        # pyenv leaves a name on the path for each version, also for those that are switched off.
        if found and subprocess.call([found, "-c", ""], stderr=subprocess.DEVNULL) == 0:
            return f"{words}\nThis machine has a newer one:\n\n    {found} run.py\n"
    return (
        f"{words}\nHow to get one:\n"
        "    Debian 12, Ubuntu 24.04 and newer   apt-get install python3 python3-venv\n"
        "    Ubuntu 22.04                        apt-get install python3.11 python3.11-venv\n"
        "    macOS                               brew install python\n"
        "Then run this with it, by its full name (python3.11 run.py) where there are several.\n"
    )


if sys.version_info < OLDEST_PYTHON:
    sys.stderr.write(words_for_old_python())
    sys.exit(2)


ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
BIN = VENV / "bin"
LOG = VENV / "install.log"
STAMP = VENV / "installed.json"

# The percentage of branches that the tests must cover where nothing may be skipped.
GATES = {"clientflow_core": 95, "clientflow_plugins": 95, "clientflow_host": 90}

_MARKS = "|/-\\"
_PIP = ("-I", "-u", "-m", "pip", "--disable-pip-version-check", "--no-input")
_SECONDS_BETWEEN_LINES = 3.0
_PACKAGE = re.compile(
    r"^(?:(?:Collecting|Ignoring|Requirement already satisfied:) ([\w.-]+)"
    r"|Processing \S*/([\w.]+)-)",
    re.MULTILINE,
)
_NO_NETWORK = re.compile(
    r"NewConnectionError|ConnectTimeout|ProxyError|Name or service not known|timed out"
    r"|name resolution|No matching distribution"
)


class CannotGoOn(Exception):
    """The machine lacks something; the text says what, and how to mend it."""


def main(arguments: list[str]) -> int:
    """Prepare .venv, then become ``clientflow up`` or the test runner.

    Returns:
        The exit code where nothing was started: 2 with words on standard error, 130 after Ctrl-C;
        where the coverage counts, that of the tests.
    """
    try:
        check_system()
        leave_on_signals()
        if arguments[:1] == ["test"]:
            return test(arguments[1:])
        prepare("run")
        become([str(BIN / "clientflow"), "up", *arguments])
    except CannotGoOn as reason:
        say(f"run.py: {reason}")
    except OSError as error:
        say(f"run.py: {error.filename or ROOT}: {error.strerror or error}")
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    return 2


def check_system() -> None:
    """Make sure that this is a system on which ClientFlow runs.

    Raises:
        CannotGoOn: it is Windows.
    """
    if os.name != "posix":
        reason = "ClientFlow runs on Linux and macOS; on Windows start this in WSL"
        raise CannotGoOn(reason)


def leave_on_signals() -> None:
    """Make the signals that ask us to end do so in order, with what we have started."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:  # as nohup sets it
            signal.signal(number, lambda number, _: sys.exit(128 + number))


def test(arguments: list[str]) -> int:
    """Run the tests; with CLIENTFLOW_REQUIRE_ALL=1 under coverage, which must reach GATES."""
    prepare("test")
    os.chdir(ROOT)
    arguments = arguments or SIDE_BY_SIDE
    if os.environ.get("CLIENTFLOW_REQUIRE_ALL") != "1":
        become([str(BIN / "python"), "-m", "pytest", *arguments])
    coverage = [str(BIN / "python"), "-m", "coverage"]
    call([*coverage, "erase"])
    code = call([*coverage, "run", "-m", "pytest", *arguments])
    return code or gate(coverage)


def gate(coverage: list[str]) -> int:
    """Report what the tests covered, package by package; 1 if a package is below its gate."""
    call([*coverage, "combine", "--quiet"])
    report = [*coverage, "report", "--skip-covered", "--show-missing"]
    short = []
    for package, percent in GATES.items():
        say(f"\ncoverage of {package}, at least {percent} %")
        if call([*report, f"--include=src/{package}/*", f"--fail-under={percent}"]):
            short.append(package)
    if short:
        say(f"run.py: not enough of the branches is covered in {', '.join(short)}")
    return 1 if short else 0


def become(command: list[str]) -> None:
    """Replace this process by *command*, so that signals reach it and its exit code is ours."""
    sys.stderr.flush()
    os.execv(command[0], command)  # noqa: S606 - no shell is wanted


def call(command: list[str]) -> int:
    """Run *command* to its end on our terminal and give its exit code."""
    with subprocess.Popen(command) as child:
        try:
            return child.wait()
        except BaseException:
            child.terminate()
            raise


# .venv


def prepare(lock: str) -> None:
    """Make .venv hold what requirements/*lock*.txt names, and ClientFlow itself.

    Raises:
        CannotGoOn: the machine lacks something for it.
    """
    if is_ready(lock):
        return
    check_folder()
    with only_run_at_work():
        if is_ready(lock):
            return
        if not is_whole():
            make_venv()
        install(lock)


def is_ready(lock: str) -> bool:
    """Tell whether nothing has changed since *lock* was installed."""
    installed = (read_stamp() or {}).get(lock) == fingerprint(lock)
    return installed and (BIN / "clientflow").exists() and tag_of_venv() == own_tag()


def is_whole() -> bool:
    """Tell whether .venv is of this Python, was made to the end, here, and can install."""
    stamp = read_stamp()
    # One without a stamp was made by somebody else (python -m venv) and may serve as well.
    if stamp is not None and stamp.get("made") != f"{own_tag()} {ROOT}":
        return False
    return tag_of_venv() == own_tag() and pip_answers()


def own_tag() -> str:
    """Name this Python as far as installed packages depend on it."""
    return f"{sys.implementation.cache_tag}{sys.abiflags}"


def tag_of_venv() -> str:
    """Name the Python of .venv in the same way; empty if it does not run."""
    code = "import sys; print(sys.implementation.cache_tag + sys.abiflags)"
    return answer([str(BIN / "python"), "-I", "-c", code]).strip()


def pip_answers() -> bool:
    """Tell whether .venv has a pip that starts."""
    return bool(answer([str(BIN / "python"), *_PIP, "--version"]))


def answer(command: list[str]) -> str:
    """Give what *command* prints; nothing if it fails or cannot be started."""
    with contextlib.suppress(OSError, subprocess.CalledProcessError):
        return subprocess.check_output(command, stderr=subprocess.DEVNULL, encoding="utf-8")
    return ""


def fingerprint(lock: str) -> str:
    """Digest all that an install of *lock* depends on; the folder, since .venv cannot be moved."""
    digest = hashlib.sha256(f"{own_tag()} {ROOT}\0".encode())
    for file in (lock_file(lock), ROOT / "pyproject.toml"):
        digest.update(file.read_bytes() + b"\0")
    return digest.hexdigest()


def lock_file(lock: str) -> Path:
    """Give the path of a lock by its name."""
    return ROOT / "requirements" / f"{lock}.txt"


def read_stamp() -> dict[str, str] | None:
    """Read what was made and installed; None without a stamp, nothing if it is not legible."""
    try:
        stamp = json.loads(STAMP.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except ValueError:
        return {}
    return stamp if isinstance(stamp, dict) else {}


def write_stamp(**stamp: str) -> None:
    """Write the stamp in one step: it is never half there."""
    draft = STAMP.with_suffix(".new")
    draft.write_text(json.dumps(stamp, indent=1))
    draft.replace(STAMP)


def check_folder() -> None:
    """Make sure that we may write where .venv is or will be.

    Raises:
        CannotGoOn: we may not.
    """
    for folder in (ROOT, VENV):
        if folder.exists() and not os.access(folder, os.W_OK):
            reason = f"cannot write in {folder}, where .venv has to be; run this as its owner"
            raise CannotGoOn(reason)


def check_venv_module() -> None:
    """Make sure that this Python has all that makes a virtual environment.

    Raises:
        CannotGoOn: Debian keeps a part of it in a package of its own.
    """
    for name in ("venv", "ensurepip"):
        try:
            importlib.import_module(name)
        except ImportError as error:
            version = f"{sys.version_info.major}.{sys.version_info.minor}"
            reason = (
                f"this Python ({version}, {sys.executable}) lacks its module {name}, without which"
                " it makes no virtual environment. On Debian and Ubuntu:\n\n"
                "    apt-get install python3-venv\n\n"
                f"(python{version}-venv where {version} is not the system's own Python)."
                " Then run this again."
            )
            raise CannotGoOn(reason) from error


@contextlib.contextmanager
def only_run_at_work() -> Iterator[None]:
    """Let one run.py at a time work on .venv; the second waits and then finds the work done."""
    import fcntl  # noqa: PLC0415 - Windows has none, and is told so before

    folder = os.open(ROOT, os.O_RDONLY)
    try:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("waiting for another run.py, which is at work on .venv")
            fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def make_venv() -> None:
    """Make an empty .venv, in place of what may be there.

    Raises:
        CannotGoOn: the machine lacks something, or Python failed at it.
    """
    check_venv_module()
    if os.path.lexists(VENV):
        say("removing .venv: it is broken, was moved, or belongs to another Python")
        remove_venv()
    VENV.mkdir()
    write_stamp()  # until it is made to the end, this one counts as broken
    version = ".".join(str(part) for part in sys.version_info[:3])
    with Progress() as progress:
        progress.show(f"making .venv with Python {version}")
        if watch([sys.executable, "-m", "venv", str(VENV)], progress.turn):
            reason = f"Python could not make .venv:\n\n{last_words()}"
            raise CannotGoOn(reason)
    write_stamp(made=f"{own_tag()} {ROOT}")


def remove_venv() -> None:
    """Remove .venv, so that one that is half removed is not taken for whole."""
    if VENV.is_symlink() or VENV.is_file():
        VENV.unlink()
        return
    (BIN / "python").unlink(missing_ok=True)
    shutil.rmtree(VENV)


# Installing


def install(lock: str) -> None:
    """Install what *lock* names, then ClientFlow itself from this folder.

    Raises:
        CannotGoOn: pip failed.
    """
    started = time.monotonic()
    made = f"{own_tag()} {ROOT}"
    # The lock of the tests holds all of run's.
    prints = {name: fingerprint(name) for name in {lock, "run"}}
    write_stamp(made=made)
    forget_half_installed()
    LOG.write_bytes(b"")
    with Progress() as progress:
        count = PackageCount(lock_file(lock))
        # Compiling everything takes longer than all the rest; what is used is compiled when used.
        pins = ("--no-compile", "--require-hashes", "-r", str(lock_file(lock)))
        pip(pins, lambda: progress.show(count.words()))
        progress.show("installing ClientFlow from this folder")
        pip(("--no-deps", "--no-build-isolation", "-e", str(ROOT)), progress.turn)
        if lock == "test":
            compile_packages(progress)
        progress.end(
            f"{count.total} packages are in .venv after {time.monotonic() - started:.0f} s"
        )
    write_stamp(made=made, **prints)


def pip(arguments: Sequence[str], on_tick: Callable[[], None]) -> None:
    """Run ``pip install``.

    Raises:
        CannotGoOn: it failed; the last lines that it wrote are told.
    """
    command = [str(BIN / "python"), *_PIP, "install", "--progress-bar", "off", *arguments]
    if watch(command, on_tick) == 0:
        return
    words = last_words()
    reason = f"pip could not install the packages. Its last words:\n\n{words}\n\nAll of them: {LOG}"
    if _NO_NETWORK.search(words):
        reason += (
            "\nIs there a network? Behind a proxy, set HTTPS_PROXY; with an index of your own, set"
            " PIP_INDEX_URL. What is fetched already is kept."
        )
    raise CannotGoOn(reason)


def compile_packages(progress: "Progress") -> None:
    """Compile all that is installed, so that the tests do not meet a compiler's warnings."""
    progress.show("compiling the packages")
    folders = [str(folder) for folder in packages_folders()]
    watch([str(BIN / "python"), "-m", "compileall", "-q", "-j", "0", *folders], progress.turn)


def packages_folders() -> list[Path]:
    """Give the site-packages folder of .venv; none if it has none yet."""
    return list(VENV.glob("lib/python3*/site-packages"))


def packages_noted() -> list[Path]:
    """Give the folders in which pip notes what it has installed, one a package."""
    return [note for folder in packages_folders() for note in folder.glob("*.dist-info")]


def forget_half_installed() -> None:
    """Make pip install again what it was killed at: the list of a package's files comes last."""
    for note in packages_noted():
        if not (note / "RECORD").exists():
            shutil.rmtree(note)


def watch(command: list[str], on_tick: Callable[[], None]) -> int:
    """Run *command* with its output into the log, and call *on_tick* ten times a second.

    Returns:
        Its exit code.
    """
    environment = {**os.environ, "PIP_USER": "0"}  # 1 is refused in a virtual environment
    with LOG.open("ab") as log:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=ROOT,
            env=environment,
            start_new_session=True,  # so that what it starts can be ended with it
        )
    try:
        while True:
            try:
                return child.wait(timeout=0.1)
            except subprocess.TimeoutExpired:
                on_tick()
    finally:
        if child.returncode is None:
            os.killpg(child.pid, signal.SIGTERM)
            child.wait()


def last_words() -> str:
    """Give the end of the log, without what pip says of folders that it does not look into."""
    lines = LOG.read_text(encoding="utf-8", errors="replace").splitlines()
    told = [line for line in lines if line.strip() and not line.startswith("WARNING: Location")]
    return "\n".join(f"    {line[:200]}" for line in told[-12:])


# Words


class PackageCount:
    """Reads from pip's log and from .venv how far an install is.

    Args:
        lock: what is installed.
    """

    def __init__(self, lock: Path) -> None:
        self.total = len(re.findall(r"^[\w.-]+(?:\[.*\])?==", lock.read_text(), re.MULTILINE))
        self._before = set(packages_noted())

    def words(self) -> str:
        """Say what pip does now, as ``[ 12/59] fetching aiohttp``."""
        log = LOG.read_text(encoding="utf-8", errors="replace")
        _, _, listed = log.partition("\nInstalling collected packages: ")
        if listed:
            names = listed.splitlines()[0].split(", ")
            done = min(len(set(packages_noted()) - self._before), len(names) - 1)
            return f"{_fraction(done + 1, len(names))} installing {names[done]}"
        if log.rstrip().rpartition("\n")[2].startswith("WARNING: Retrying"):
            return "the package index does not answer; pip tries again"
        seen = [(found[1] or found[2]).replace("_", "-") for found in _PACKAGE.finditer(log)]
        if not seen:
            return "starting pip"
        return f"{_fraction(min(len(set(seen)), self.total), self.total)} fetching {seen[-1]}"


def _fraction(done: int, total: int) -> str:
    return f"[{done:>{len(str(total))}}/{total}]"


class Progress:
    """What goes on: on a terminal one line that turns, elsewhere a line every few seconds."""

    def __init__(self) -> None:
        self._on_terminal = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self._text = ""
        self._turns = 0
        self._tell_from = 0.0

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_: object) -> None:
        self._clear()

    def show(self, text: str) -> None:
        """Tell *text* if it is new; each call also turns the mark before it."""
        if self._on_terminal:
            self._text = text
            self.turn()
        elif text != self._text and time.monotonic() >= self._tell_from:
            self._text, self._tell_from = text, time.monotonic() + _SECONDS_BETWEEN_LINES
            say(text)

    def turn(self) -> None:
        """Show that it still goes on."""
        if not self._on_terminal:
            return
        self._turns += 1
        width = shutil.get_terminal_size().columns - 3
        sys.stderr.write(f"\r\x1b[K{_MARKS[self._turns % len(_MARKS)]} {self._text[:width]}")
        sys.stderr.flush()

    def end(self, text: str) -> None:
        """Tell *text* last."""
        self._clear()
        say(text)

    def _clear(self) -> None:
        if self._turns:
            sys.stderr.write("\r\x1b[K")
            self._turns = 0


def say(text: str) -> None:
    """Tell *text* on standard error; standard output is for what is started."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
