"""Commands as they are shown to be typed."""

import sys
from pathlib import Path

import attrs
import pytest

from clientflow_host.cli.typed import typed_command
from clientflow_host.settings import default_state_folder
from tests.host.test_state import NOTE


@pytest.mark.parametrize(
    ("program", "name"),
    [
        ("{here}/.venv/bin/clientflow", ".venv/bin/clientflow"),
        ("{here}/my tools/clientflow", "'my tools/clientflow'"),
        ("/opt/my tools/clientflow", "'/opt/my tools/clientflow'"),
        ("clientflow", "clientflow"),
        ("{path}/clientflow", "clientflow"),
        ("{here}/src/clientflow_host/cli/__main__.py", "python -m clientflow_host.cli"),
    ],
)
def test_next_command_can_be_typed_as_it_is_shown(
    program: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, path = tmp_path / "here", tmp_path / "path"
    here.mkdir()
    path.mkdir()
    (path / "clientflow").touch(mode=0o755)
    monkeypatch.chdir(here)
    monkeypatch.setenv("PATH", str(path))
    monkeypatch.setattr(sys, "argv", [program.format(here=here, path=path)])
    assert typed_command(NOTE, "demo 1") == f"{name} demo 1 --state-dir /state"
    default = attrs.evolve(NOTE, state_dir=str(default_state_folder()))
    assert typed_command(default, "demo 1") == f"{name} demo 1"
    odd = attrs.evolve(NOTE, state_dir="/my state")
    assert typed_command(odd, "demo 1").endswith(" --state-dir '/my state'")
