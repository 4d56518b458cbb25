"""Commands that only look and tell: run in this process, which takes no second to start."""

import contextlib
import io
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import pytest

from clientflow_host import cli
from tests.commands import environment

Call = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def call(tmp_path: Path) -> Call:
    """Run a command in a folder of this test's own, with settings in its environment."""

    def run(*arguments: str, **settings: str) -> "subprocess.CompletedProcess[str]":
        out, err = io.StringIO(), io.StringIO()
        with (
            mock.patch.dict("os.environ", environment(**settings), clear=True),
            mock.patch.object(sys, "argv", ["clientflow", *arguments]),
            contextlib.chdir(tmp_path),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            code = _exit_code()
        return subprocess.CompletedProcess(arguments, code, out.getvalue(), err.getvalue())

    return run


def _exit_code() -> int:
    try:
        cli.main()
    except SystemExit as end:
        return int(end.code or 0)
    return 0
