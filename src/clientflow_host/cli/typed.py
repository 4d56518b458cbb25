"""Commands as the reader of our output can type them."""

import shlex
import shutil
import sys
from pathlib import Path

from clientflow_host.settings import default_state_folder
from clientflow_host.state import UpNote


def typed_command(note: UpNote | None, arguments: str) -> str:
    """Write the command with which the reader, in the present folder, gets at what runs.

    Args:
        note: of what runs; None where settings lead to it.
        arguments: of ``clientflow``; the state folder is added where it is not the default.
    """
    if note is None:
        return f"{_program()} {arguments}"
    folder = Path(note.state_dir)
    is_default = folder == default_state_folder().absolute()
    return f"{_program()} {arguments}" + (
        "" if is_default else f" --state-dir {shlex.quote(note.state_dir)}"
    )


def _program() -> str:
    program = Path(sys.argv[0])
    if program.name == "__main__.py":
        return "python -m clientflow_host.cli"
    if shutil.which(program.name) == str(program) or not program.is_absolute():
        return program.name
    if program.is_relative_to(Path.cwd()):
        return shlex.quote(str(program.relative_to(Path.cwd())))
    return shlex.quote(str(program))
