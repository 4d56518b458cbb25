"""The page that leads from an empty folder to a provider in the running service, as it is typed."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Final

import attrs
import pytest

from clientflow_core.ports import free_port
from clientflow_host.plugin_checking import stand_on_this_environment
from tests.commands import environment, new_room
from tests.requirements import demand

PAGE: Final = Path(__file__).parents[2] / "docs" / "write-a-provider.md"
# What is installed comes from this machine alone.
OFFLINE: Final = {
    "PIP_NO_INDEX": "1",
    "PIP_NO_DEPS": "1",
    # Its "no" is what turns the isolation off.
    "PIP_NO_BUILD_ISOLATION": "0",
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    "PIP_ROOT_USER_ACTION": "ignore",
}


def blocks() -> list[str]:
    """Give what the page has the reader type, in its order."""
    return re.findall(r"```sh\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)


@attrs.define(eq=False)
class Reader:
    """Somebody with an environment of their own, in which ClientFlow is installed.

    Attributes:
        folder: where they are.
    """

    room: Path
    folder: Path
    settings: Mapping[str, str]

    def type_in(self, commands: str, **more: str) -> str:
        """Type *commands*, which must all go well; give what they print."""
        result = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", f"{commands}\npwd > {self.room}/where"],
            cwd=self.folder,
            env=self._environment(**more),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            timeout=200,
            check=False,
        )
        assert result.returncode == 0, f"{commands}\n{result.stdout}\n{result.stderr}"
        self.folder = Path((self.room / "where").read_text().strip())
        return result.stdout

    @contextmanager
    def running_up(self, commands: str) -> Iterator[None]:
        """Type *commands* in another terminal, where they go on; begin once all is there."""
        with (
            (self.room / "up.err").open("w") as errors,
            subprocess.Popen(
                ["bash", "-euc", f"exec {commands.strip()} --json"],
                cwd=self.folder,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            ) as popen,
        ):
            assert popen.stdout is not None
            is_up = popen.stdout.readline().startswith("{")
            assert is_up, (self.room / "up.err").read_text()
            try:
                yield
            finally:
                popen.terminate()

    def up_note(self) -> Any:
        return json.loads((self.room / "state" / "up.json").read_text())

    def _environment(self, **more: str) -> dict[str, str]:
        path = f"{self.room / 'env' / 'bin'}:/usr/local/bin:/usr/bin:/bin"
        return environment(PATH=path, **OFFLINE, **self.settings, **more)


@pytest.fixture
def reader() -> Iterator[Reader]:
    with new_room() as room:
        make_environment(room / "env")
        (room / "empty").mkdir()
        settings = {
            "CLIENTFLOW_STATE_DIR": str(room / "state"),
            "CLIENTFLOW_PORT": "0",
            "CLIENTFLOW_SANDBOX_PORT": str(free_port()),
        }
        yield Reader(room=room, folder=room / "empty", settings=settings)


def make_environment(folder: Path) -> None:
    """Make a virtual environment on top of this one, with our command in it."""
    make = [sys.executable, "-m", "venv", "--without-pip"]
    subprocess.run([*make, str(folder)], check=True)
    stand_on_this_environment(folder)
    command = folder / "bin" / "clientflow"
    command.write_text(
        f"#!{folder}/bin/python -P\nfrom clientflow_host.cli import main\n\nmain()\n"
    )
    command.chmod(0o755)


@pytest.mark.timeout(300)
def test_page_leads_from_an_empty_folder_to_a_provider_in_the_running_service(
    reader: Reader,
) -> None:
    demand(shutil.which("curl"), "curl is not installed")
    kit = {point.name for point in entry_points(group="pytest11")}
    demand("clientflow" in kit, "pytest does not know the kit: install this checkout anew")
    (new, tests, listed, up, inbound, _export, answer, forged, guides, verify, check, one_file,
     ) = blocks()  # fmt: skip
    assert "To change" in reader.type_in(new)
    assert reader.folder.name == "clientflow-acme-sms"
    assert re.search(r"^acme_sms: (bronze|silver|gold|platinum) ", reader.type_in(tests), re.M)
    assert re.search(r"^acme_sms +channel +0\.1\.0 +not set", reader.type_in(listed), re.M)

    with reader.running_up(up):
        note = reader.up_note()
        said = reader.type_in(inbound)
        assert "answered 200" in said
        assert re.search(r"acme_sms +channel +yes +ClientFlow sandbox", said)
        given = {"URL": note["url"], "API_KEY": note["api_key"]}
        last = reader.type_in(answer, **given).rpartition('{"data":')[2]
        assert '"status":"delivered"' in last
        assert "Is Thursday free?" in last
        assert '"signature_refused"' in reader.type_in(forged, **given)
        assert "provider.py" in reader.type_in(guides)
        assert "ClientFlow sandbox" in reader.type_in(verify)

    assert re.search(r"^clientflow-acme-sms 0.1.0: tier \w+", reader.type_in(check), re.M)
    (reader.folder / "plugins").mkdir()
    (program,) = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    (reader.folder / "plugins" / "pigeon.py").write_text(program)
    assert "the loft +15550100199" in reader.type_in(one_file)
