"""up, serve and worker, each alone, as an operator runs them."""

import contextlib
import os
import pty
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from clientflow_core.persistence.server import connection_string
from clientflow_core.ports import free_port
from tests.commands import CLI, Command, ask, environment, run, taken_port
from tests.databases import Addresses
from tests.host.cli.conftest import Call
from tests.texts import ACCOUNT, NUMBER, TOKEN, form, signed_headers, text

TWILIO = {
    "TWILIO_ACCOUNT_SID": ACCOUNT,
    "TWILIO_AUTH_TOKEN": TOKEN,
    "TWILIO_PHONE_NUMBER": NUMBER,
}

pytestmark = pytest.mark.usefixtures("measured")


@pytest.fixture
def port() -> int:
    return free_port()


def start(name: str, folder: Path, addresses: Addresses, **settings: str) -> Command:
    """Start a command on the database of the test and wait until it listens."""
    command = Command.start(name, folder=folder, DATABASE_URL=addresses.url, **settings)
    command.says('"listening"')
    return command


def ready(port: int) -> tuple[int, dict[str, str]]:
    status, body = ask(f"http://127.0.0.1:{port}/ready")
    return status, body["checks"] | {"status": body["status"]} if body else {}


# serve


def test_host_needs_no_provider_and_serves_without_a_worker(
    addresses: Addresses, port: int, room: Path
) -> None:
    command = start("serve", room, addresses, CLIENTFLOW_PORT=str(port))
    status, checks = ready(port)
    assert (status, checks["status"], checks["database"]) == (HTTPStatus.OK, "degraded", "ok")
    assert checks["workers"].startswith("none is running")
    assert command.stop(signal.SIGINT) == 0
    assert command.out.read_text() == ""
    events = [line.partition('"event": "')[2] for line in command.err.read_text().splitlines()]
    assert [event.partition('"')[0] for event in events] == ["listening", "stopping"]


def test_host_that_is_told_to_stop_says_so_and_finishes_what_it_has(
    addresses: Addresses, port: int, room: Path
) -> None:
    settings = {"CLIENTFLOW_PORT": str(port), **TWILIO}
    command = start("serve", room, addresses, **settings)
    url = f"http://127.0.0.1:{port}/webhooks/twilio"
    fields = text()
    body = form(fields)
    headers = {**signed_headers(url, fields), "Content-Length": str(len(body)), "Host": "h"}
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    with socket.create_connection(("127.0.0.1", port)) as caller:
        caller.sendall(f"POST /webhooks/twilio HTTP/1.1\r\n{head}\r\n".encode() + body[:10])
        time.sleep(0.1)
        command.popen.send_signal(signal.SIGTERM)
        command.says('"stopping"')
        status, checks = ready(port)
        assert (status, checks["process"]) == (HTTPStatus.SERVICE_UNAVAILABLE, "stopping")
        command.until(lambda: ready(port)[0] == 0)
        caller.sendall(body[10:])
        assert caller.recv(1000).startswith(b"HTTP/1.1 200 OK\r\n")
    assert command.popen.wait(10) == 0
    with addresses.connect() as connection:
        kept = connection.execute("SELECT body FROM inbound_events").fetchall()
    assert kept == [(body,)]


@contextmanager
def away(addresses: Addresses) -> Iterator[None]:
    """Let nobody into the database for as long as the block runs."""
    name = str(addresses.application.database)
    template = sql.SQL("ALTER DATABASE {} WITH ALLOW_CONNECTIONS {}")
    postgres = connection_string(addresses.superuser.set(database="postgres"))
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(template.format(sql.Identifier(name), sql.SQL("false")))
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name]
        )
        yield
        connection.execute(template.format(sql.Identifier(name), sql.SQL("true")))


def test_both_survive_that_the_database_is_away(addresses: Addresses, room: Path) -> None:
    serve_port, worker_port = free_port(), free_port()
    ports = {"CLIENTFLOW_PORT": str(serve_port), "CLIENTFLOW_WORKER_PORT": str(worker_port)}
    serve = start("serve", room, addresses, **ports)
    worker = start("worker", room, addresses, **ports)
    serve.until(lambda: ready(serve_port)[1].get("status") == "ok")
    with away(addresses):
        for command, port in ((serve, serve_port), (worker, worker_port)):
            command.until(lambda port=port: ready(port)[0] == HTTPStatus.SERVICE_UNAVAILABLE)  # type: ignore[misc]
            assert ready(port)[1]["database"].startswith("does not answer")
    for command, port in ((serve, serve_port), (worker, worker_port)):
        command.until(lambda port=port: ready(port)[1].get("status") == "ok")  # type: ignore[misc]
    assert (serve.stop(), worker.stop()) == (0, 0)


def test_host_starts_before_the_schema_and_is_ready_after_it(
    bare: Addresses, port: int, room: Path
) -> None:
    command = start("serve", room, bare, CLIENTFLOW_PORT=str(port))
    status, checks = ready(port)
    assert status == HTTPStatus.SERVICE_UNAVAILABLE
    assert checks["schema"] == "missing: run clientflow migrate"
    owner = bare.owner.set(drivername="postgresql").render_as_string(hide_password=False)
    settings = {"DATABASE_URL": bare.url, "CLIENTFLOW_OWNER_DATABASE_URL": owner}
    assert run("migrate", folder=room, **settings).returncode == 0
    command.until(lambda: ready(port)[0] == HTTPStatus.OK)
    assert command.stop() == 0


@pytest.mark.parametrize(("name", "env"), [("serve", "PORT"), ("worker", "WORKER_PORT")])
def test_taken_port_is_told(name: str, env: str, addresses: Addresses, tmp_path: Path) -> None:
    with taken_port() as port:
        settings = {f"CLIENTFLOW_{env}": str(port), "DATABASE_URL": addresses.url}
        result = run(name, folder=tmp_path, **settings)
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1] == (
        f"error: cannot listen at 127.0.0.1:{port}: something else listens there. Choose another"
        f" port by CLIENTFLOW_{env}"
    )
    assert "Traceback" not in result.stderr


# What both refuse


@pytest.mark.parametrize("name", ["serve", "worker"])
def test_every_setting_that_is_wrong_is_told_at_once(name: str, call: Call) -> None:
    settings = {"CLIENTFLOW_LOG_LEVEL": "loud", "TWILIO_ACCOUNT_SID": "me"}
    result = call(name, **settings)
    assert (result.returncode, result.stdout) == (1, "")
    named = [line.split(":")[0].strip() for line in result.stderr.splitlines()[1:]]
    wanted = ["CLIENTFLOW_LOG_LEVEL", "DATABASE_URL", "TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN"]
    assert named == wanted


@pytest.mark.parametrize("name", ["serve", "worker"])
@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("postgresql://app:hush@127.0.0.1:9/clientflow", "no connection to the database in"),
        ("mysql://app:hush@127.0.0.1/clientflow", "DATABASE_URL is not a PostgreSQL address"),
    ],
)
def test_unusable_database_is_told(name: str, url: str, told: str, call: Call) -> None:
    result = call(name, DATABASE_URL=url)
    assert result.returncode == 1
    assert result.stderr.startswith(f"error: {told}")
    assert "hush" not in result.stderr


def test_worker_does_not_start_before_the_schema(bare: Addresses, call: Call) -> None:
    result = call("worker", DATABASE_URL=bare.url)
    assert result.returncode == 1
    assert result.stderr.startswith("error: the schema of the database in DATABASE_URL is missing")


def test_worker_without_a_direct_connection_says_which_setting_leads_there(
    addresses: Addresses, tmp_path: Path
) -> None:
    settings = {
        "DATABASE_URL": addresses.url,
        "CLIENTFLOW_DIRECT_DATABASE_URL": "postgresql://app:hush@127.0.0.1:9/clientflow",
        "CLIENTFLOW_WORKER_PORT": "0",
    }
    result = run("worker", folder=tmp_path, **settings)
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1].startswith(
        "error: no lasting connection to the database: connection failed: connection to server at"
        ' "127.0.0.1", port 9 failed: Connection refused. Where DATABASE_URL leads through'
    )
    assert "hush" not in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("name", ["serve", "init", "migrate"])
def test_ctrl_c_while_it_starts_ends_it_without_many_words(name: str, room: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql://app@127.0.0.1:{silent.getsockname()[1]}/clientflow"
        settings = {"DATABASE_URL": url, "CLIENTFLOW_OWNER_DATABASE_URL": url}
        command = Command.start(name, folder=room, **settings)
        silent.settimeout(20)
        caller, _ = silent.accept()
        with caller:
            caller.recv(100)
            time.sleep(0.1)
            command.popen.send_signal(signal.SIGINT)
            # Now and then the wait for the database has missed it; who presses once more is heard.
            with contextlib.suppress(subprocess.TimeoutExpired):
                command.popen.wait(1.5)
            code = command.stop(signal.SIGINT)
        assert code == 128 + signal.SIGINT, command.err.read_text()
    assert command.err.read_text() + command.out.read_text() == ""


# up, for people


def test_people_are_told_what_runs_and_what_to_do_next(addresses: Addresses, room: Path) -> None:
    output = b""
    arguments = ["up", "--port", "0", "--state-dir", str(room / "the state")]
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(room)
        settings = {"DATABASE_URL": addresses.url, "COLUMNS": "120"}
        os.execve(sys.executable, [*CLI, *arguments], environment(**settings))
    deadline = time.monotonic() + 40
    while b"the data stay" not in output:
        assert time.monotonic() < deadline, output.decode()
        if select.select([terminal], [], [], 0.1)[0]:
            try:
                output += os.read(terminal, 65_536)
            except OSError:
                pytest.fail(f"it ended: {output.decode()}")
    # As a person does, who is in a hurry.
    for _ in range(3):
        os.write(terminal, b"\x03")
        time.sleep(0.1)
    while True:
        try:
            output += os.read(terminal, 65_536)
        except OSError:
            break
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    os.close(terminal)
    said = output.decode()
    words = ("ClientFlow runs", "inbox", "sign in with", "demo@clientflow.example")
    more = ("clients' phones", "First, open", "API key", "stopping everything")
    for word in (*words, *more):
        assert word in said
    command = f"python -m clientflow_host.cli demo 1 --state-dir '{room}/the state'"
    assert command in said
    assert "Traceback" not in said
    assert said.count("stopping everything") == 1
