"""docs/errors.md: written from the classes of errors, and nothing else."""

import subprocess
import sys
from pathlib import Path

from clientflow_core import errors
from clientflow_host import errors_page

ROOT = Path(__file__).parents[2]


def test_page_is_what_the_classes_say() -> None:
    written = (ROOT / errors_page.PAGE).read_text("utf-8")
    assert written == errors_page.errors_page(), f"write it anew: {errors_page.COMMAND}"


def test_page_is_of_our_own_classes_alone() -> None:
    class Foreign(errors.NotAllowed):
        """It belongs to somebody else."""

        code = "foreign"

    assert "foreign" not in {kind.code for kind in errors_page.kinds()}
    assert Foreign.remedy == errors.NotAllowed.remedy


def test_every_kind_says_what_it_means_and_what_to_do() -> None:
    for kind in errors_page.kinds():
        assert kind.meaning.endswith("."), kind
        assert kind.remedy.endswith("."), kind
        assert (kind.meaning + kind.remedy).count("`") % 2 == 0, kind
        # A bar would end the cell of the table.
        assert "|" not in kind.meaning + kind.remedy, kind


def test_page_is_written_into_a_checkout_and_nowhere_else(tmp_path: Path) -> None:
    def write() -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, *errors_page.COMMAND.split()[1:]],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )

    refused = write()
    assert (refused.returncode, "no checkout of ClientFlow" in refused.stderr) == (1, True)
    (tmp_path / "docs").mkdir()
    assert write().returncode == 0
    assert (tmp_path / errors_page.PAGE).read_text("utf-8") == errors_page.errors_page()
