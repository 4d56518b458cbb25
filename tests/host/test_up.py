"""``clientflow up``: real processes, a real PostgreSQL, ended in every way."""

import json
import os
import signal
import stat
import textwrap
import time
import urllib.request
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy.engine import URL

from clientflow_core.persistence.sealing import key_problems
from clientflow_core.persistence.server import connection_string
from clientflow_core.secret import Secret
from clientflow_host.state import StateFolder
from clientflow_host.up import _encryption_key, forgetful, run_up
from tests.commands import (
    Command,
    Up,
    ask,
    child_of,
    new_room,
    postmaster_of,
    processes_of,
    run,
    taken_port,
)
from tests.databases import Addresses

KEYS = ["url", "email", "password", "api_key", "organization_id"]
KEYS += ["sandbox_url", "state_dir", "settings"]
UNREACHABLE = "postgresql://app:hush@127.0.0.1:9/clientflow"
TWILIO = {
    "TWILIO_ACCOUNT_SID": "AC" + "5" * 32,
    "TWILIO_AUTH_TOKEN": "6" * 32,
    "TWILIO_PHONE_NUMBER": "+14155550166",
}

pytestmark = pytest.mark.usefixtures("measured")


def up(folder: Path, **settings: str) -> str:
    """Start one that must refuse; give what it says."""
    arguments = ("up", "--json", "--port", settings.pop("port", "0"))
    result = run(*arguments, "--state-dir", str(folder / "state"), folder=folder, **settings)
    assert result.returncode == 1, result.stderr
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    assert processes_of(folder) == {}
    return result.stderr


def address(url: URL) -> str:
    return url.set(drivername="postgresql").render_as_string(hide_password=False)


# While it runs


def test_one_line_tells_all_that_is_needed(running_up: Up) -> None:
    (line,) = running_up.command.out.read_text().splitlines()
    printed = json.loads(line)
    assert list(printed) == KEYS
    assert printed["state_dir"] == str(running_up.state)
    assert printed["settings"]["TWILIO_API_BASE_URL"] == f"{printed['sandbox_url']}/twilio"
    assert printed["settings"]["TWILIO_WEBHOOK_URL"] == f"{printed['url']}/webhooks/twilio"


def test_the_key_opens_the_api(running_up: Up) -> None:
    assert running_up.get("/api/v1/conversations")["data"] is not None
    status, _ = ask(f"{running_up.note['url']}/api/v1/conversations")
    assert status == HTTPStatus.UNAUTHORIZED


def test_everything_is_ready_when_the_line_is_printed(running_up: Up) -> None:
    status, body = ask(f"{running_up.note['url']}/ready")
    assert (status, body["status"]) == (HTTPStatus.OK, "ok")


def test_inbox_may_be_shown_beside_the_phones_of_the_clients(running_up: Up) -> None:
    with urllib.request.urlopen(f"{running_up.note['url']}/sign-in", timeout=20) as answer:
        policy = answer.headers["Content-Security-Policy"]
    assert policy.endswith(f"; frame-ancestors {running_up.note['sandbox_url']}")
    with urllib.request.urlopen(f"{running_up.note['sandbox_url']}/", timeout=20) as answer:
        page = answer.read().decode()
    assert f'src="{running_up.note["url"]}/inbox"' in page


def test_what_a_sandbox_was_told_to_forget_the_business_forgets_too(running_up: Up) -> None:
    """So a calendar is watched anew, without a start of anything."""
    url = f"{running_up.note['sandbox_url']}/google_calendar/_control"

    def watched() -> list[Any]:
        with urllib.request.urlopen(f"{url}/state") as answer:
            found: list[Any] = json.load(answer)["channels"]
        return found

    deadline = time.monotonic() + 30
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{url}/reset", b"{}", headers)
    urllib.request.urlopen(request).close()
    while not watched():
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.mark.parametrize(
    ("now", "names"),
    [
        ((0, {"twilio": 0, "stripe": 2}), []),
        ((0, {"twilio": 1, "stripe": 2}), ["twilio"]),
        # A process that was started again has counted nothing yet.
        ((1, {"twilio": 0, "stripe": 0}), ["twilio", "stripe"]),
        ((1, {"twilio": 0, "stripe": 2}), ["twilio", "stripe"]),
    ],
)
def test_those_that_have_forgotten_are_named(
    now: tuple[int, dict[str, int]], names: list[str]
) -> None:
    assert forgetful((0, {"twilio": 0, "stripe": 2}), now) == names


def test_its_note_is_private(running_up: Up) -> None:
    note = running_up.state / "up.json"
    assert stat.S_IMODE(note.stat().st_mode) == 0o600
    kept = json.loads(note.read_text())
    assert {name: kept[name] for name in KEYS} == running_up.note


def test_its_key_for_sealing_is_private_and_kept(running_up: Up) -> None:
    file = running_up.state / "encryption.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    folder = StateFolder(running_up.state)
    key = json.loads(file.read_text())["key"]
    assert [_encryption_key({}, folder), _encryption_key({}, folder)] == [key, key]
    assert _encryption_key({"CLIENTFLOW_ENCRYPTION_KEY": "given"}, folder) == "given"
    assert list(key_problems(Secret(key))) == []
    logs = "".join(file.read_text() for file in (running_up.state / "logs").iterdir())
    assert key not in logs + running_up.command.err.read_text()


def test_second_one_on_the_same_folder_is_refused(running_up: Up) -> None:
    result = running_up.run("up", "--json", "--port", "0")
    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr == (
        f"error: clientflow up runs on {running_up.state} already: stop it, or name another state"
        " folder by --state-dir\n"
    )
    assert ask(f"{running_up.note['url']}/health")[0] == HTTPStatus.OK


def test_credentials_are_in_no_log(running_up: Up) -> None:
    said = running_up.command.err.read_text()
    said += "".join(file.read_text() for file in (running_up.state / "logs").iterdir())
    secrets = [running_up.note[name] for name in ("password", "api_key")]
    secrets.append(running_up.note["settings"]["TWILIO_AUTH_TOKEN"])
    assert not [secret for secret in secrets if secret in said]


# When something ends that should not


@pytest.fixture(scope="module")
def battered() -> Iterator[Up]:
    """One whose processes are killed, one after the other."""
    with new_room() as folder:
        yield Up.start(folder)


def send_text(one: Up, body: str) -> None:
    """Let a client write, and wait until the text is in a conversation."""
    text = {"from": "+14155550123", "body": body, "times": 1}
    posted = ask(f"{one.note['sandbox_url']}/twilio/_control/inbound", body=text)
    assert posted == (HTTPStatus.OK, {"statuses": [HTTPStatus.OK]} | posted[1])

    def arrived() -> bool:
        status, found = ask(
            f"{one.note['url']}/api/v1/conversations",
            headers={"Authorization": f"Bearer {one.note['api_key']}"},
        )
        return status == HTTPStatus.OK and body in {c["last_body"] for c in found["data"]}

    one.command.until(arrived)


def heal(one: Up) -> None:
    """Wait until host, worker and sandbox answer again."""
    ready = f"{one.note['url']}/ready"
    one.command.until(lambda: (ask(ready)[1] or {}).get("status") == "ok")
    one.command.until(lambda: ask(f"{one.note['sandbox_url']}/health")[0] == HTTPStatus.OK)


@pytest.mark.parametrize("name", ["serve", "worker", "sandbox"])
def test_killed_process_is_started_again_and_the_service_works(name: str, battered: Up) -> None:
    pid = battered.command.until(lambda: child_of(battered.folder, name))
    os.kill(pid, signal.SIGKILL)
    battered.command.until(lambda: child_of(battered.folder, name) not in {pid, None})
    heal(battered)
    send_text(battered, f"after the end of {name}")


def test_killed_postgresql_comes_back_and_the_service_heals(battered: Up) -> None:
    pid = battered.command.until(lambda: postmaster_of(battered.folder))
    os.kill(pid, signal.SIGKILL)
    battered.command.until(lambda: postmaster_of(battered.folder) not in {pid, None})
    heal(battered)
    send_text(battered, "after the end of PostgreSQL")


def test_stop_leaves_nothing_and_the_next_start_goes_on_with_everything(battered: Up) -> None:
    before = battered.get("/api/v1/conversations")
    begun = time.monotonic()
    assert battered.command.stop(signal.SIGTERM) == 0
    # Ten seconds on a machine that does nothing else.
    assert time.monotonic() - begun < 30
    assert processes_of(battered.folder) == {}
    assert not (battered.state / "up.json").exists()
    assert battered.command.err.read_text().splitlines()[-1] == "✓ stopping everything"

    again = Up.start(battered.folder)
    kept = ("email", "password", "api_key", "organization_id")
    assert [again.note[name] for name in kept] == [battered.note[name] for name in kept]
    number = "TWILIO_PHONE_NUMBER"
    assert again.note["settings"][number] == battered.note["settings"][number]
    assert again.get("/api/v1/conversations") == before
    again.command.kill()


def test_killed_up_takes_its_processes_along_and_the_next_one_adopts_postgresql(
    room: Path,
) -> None:
    killed = Up.start(room)
    killed.command.kill()
    postmaster = postmaster_of(room)
    assert postmaster is not None
    deadline = time.monotonic() + 40
    while len(left := processes_of(room)) > 1:
        logs = {file.name: file.read_text()[-1500:] for file in (killed.state / "logs").iterdir()}
        assert time.monotonic() < deadline, (left, logs)
        time.sleep(0.05)
    assert list(left) == [postmaster]
    assert (killed.state / "up.json").exists()
    assert killed.run("demo", "1").stderr.startswith("error: nothing runs on ")
    again = Up.start(room)
    assert "PostgreSQL found running" in again.command.err.read_text()
    assert postmaster_of(room) == postmaster
    assert again.command.stop(signal.SIGINT) == 0
    assert processes_of(room) == {}


def test_process_that_ends_before_it_is_ready_fails_the_start(
    addresses: Addresses, room: Path
) -> None:
    script = """
        import os, sys
        if "worker" in sys.orig_argv:
            os.write(2, b"no work today\\n")
            os._exit(3)
    """
    (room / "sitecustomize.py").write_text(textwrap.dedent(script))
    said = up(room, PYTHONPATH=str(room), DATABASE_URL=addresses.url)
    log = room / "state" / "logs" / "worker.log"
    assert f"error: worker does not start; {log} says:\nno work today\n" in said


# A start that is broken off


def test_stop_in_the_middle_of_the_start_leaves_nothing(room: Path) -> None:
    arguments = ("up", "--json", "--port", "0", "--state-dir", str(room / "state"))
    for number, words in {
        signal.SIGTERM: "Twilio SMS: on its sandbox",
        signal.SIGINT: "PostgreSQL started",
        signal.SIGHUP: "the demo organization is there",
    }.items():
        command = Command.start(*arguments, folder=room)
        command.says(words)
        if number == signal.SIGTERM:
            command.until((room / "state" / "postgres").exists)
        assert command.stop(number) == 0
        assert processes_of(room) == {}
        assert command.out.read_text() == ""
        assert command.err.read_text().splitlines()[-1] == "✓ stopping everything"
        assert not (room / "state" / "up.json").exists()


# With a database of one's own, and real providers


def test_database_that_is_not_migrated_is_refused_without_its_owner(
    bare: Addresses, room: Path
) -> None:
    said = up(room, DATABASE_URL=bare.url)
    assert "error: the schema of the database in DATABASE_URL is missing: run clientflow" in said
    assert "CLIENTFLOW_OWNER_DATABASE_URL" in said


def test_with_its_owner_and_real_providers_there_is_neither_postgresql_nor_sandbox(
    bare: Addresses, room: Path
) -> None:
    one = Up.start(
        room,
        DATABASE_URL=bare.url,
        CLIENTFLOW_OWNER_DATABASE_URL=address(bare.owner),
        CLIENTFLOW_PLUGINS="twilio",
        **TWILIO,
    )
    assert one.note["sandbox_url"] is None
    assert one.note["settings"] == {}
    with urllib.request.urlopen(f"{one.note['url']}/sign-in", timeout=20) as answer:
        assert answer.headers["X-Frame-Options"] == "DENY"
    kind = f"the real one; it must reach {one.note['url']}/webhooks/twilio"
    said = one.command.err.read_text()
    assert f"Twilio SMS: {kind}, so set CLIENTFLOW_PUBLIC_URL\n" in said
    assert postmaster_of(room) is None
    assert child_of(room, "sandbox") is None
    environments = [Path(f"/proc/{child_of(room, name)}/environ") for name in ("serve", "worker")]
    assert not [e for e in environments if address(bare.owner).encode() in e.read_bytes()]
    refused = one.run("demo", "1")
    assert refused.returncode == 1
    assert "here Twilio is the real one" in refused.stderr
    assert one.command.stop(signal.SIGINT) == 0
    assert processes_of(room) == {}
    with psycopg.connect(connection_string(bare.superuser)) as connection:
        row = connection.execute("SELECT address FROM channels").fetchone()
    assert row == (TWILIO["TWILIO_PHONE_NUMBER"],)


def test_superuser_is_refused(addresses: Addresses, room: Path) -> None:
    said = up(room, DATABASE_URL=address(addresses.superuser))
    assert "in DATABASE_URL is a superuser" in said
    assert "clientflow migrate" in said


@pytest.mark.parametrize("more", [{}, {"CLIENTFLOW_OWNER_DATABASE_URL": UNREACHABLE}])
def test_database_that_cannot_be_reached_is_told(more: dict[str, str], room: Path) -> None:
    said = up(room, DATABASE_URL=UNREACHABLE, **more)
    assert "error: no connection to the database" in said
    assert "port 9 failed: Connection refused" in said
    assert "hush" not in said


# What is refused before anything is started


def test_taken_port_is_refused(room: Path) -> None:
    with taken_port() as port:
        said = up(room, port=str(port))
    assert said == (
        f"error: cannot listen at 127.0.0.1:{port}: something else listens there. Choose another"
        " port, such as --port 8180, or --port 0 for any\n"
    )


def test_half_set_provider_is_refused_with_every_problem(room: Path) -> None:
    said = up(room, TWILIO_ACCOUNT_SID="me", CLIENTFLOW_LOG_LEVEL="loud", DATABASE_URL="x")
    assert "3 settings are not usable" in said
    problems = [line.split(":")[0].strip() for line in said.splitlines()[1:]]
    assert problems == ["CLIENTFLOW_LOG_LEVEL", "TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN"]
    assert "loud" not in said.replace("cloud", "")
    assert not (room / "state").exists()


def test_unknown_plugin_is_refused_with_those_there_are(room: Path) -> None:
    said = up(room, CLIENTFLOW_PLUGINS="twilio,pigeon")
    assert "CLIENTFLOW_PLUGINS: names pigeon; installed are: " in said
    assert "twilio" in said


@pytest.mark.parametrize(("state", "reason"), [("file", "it is a file"), ("/proc/x", "No such")])
def test_folder_that_cannot_be_used_is_refused(state: str, reason: str, room: Path) -> None:
    (room / "file").touch()
    result = run("up", "--port", "0", "--state-dir", state, folder=room)
    assert result.returncode == 1
    assert result.stderr.startswith(f"error: {room / state}: {reason}")
    assert "--state-dir or CLIENTFLOW_STATE_DIR" in result.stderr


def test_folder_without_postgresql_is_refused(room: Path) -> None:
    said = up(room, CLIENTFLOW_POSTGRES_FOLDER=str(room))
    assert f"{room} holds no PostgreSQL" in said


async def test_errors_in_the_library_are_ours_and_single() -> None:
    with pytest.raises(Exception, match="CLIENTFLOW_PORT") as caught:
        await run_up({"CLIENTFLOW_PORT": "x"}, say=print, when_ready=print)
    assert not isinstance(caught.value, BaseExceptionGroup)
