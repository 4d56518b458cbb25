"""Writes what `clientflow up` answers to the checklist into its page of the documentation.

Run by a maintainer beside a running `up`: ``python -m clientflow_host.checklist_page STATE_DIR``. A
test holds the page against another one. Tests are taken to have passed: nothing lands where one
has not.
"""

import asyncio
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from structlog.testing import capture_logs

from clientflow_host.checklist.answers import summary
from clientflow_host.checklist.catalogue import load_catalogue
from clientflow_host.checklist.proofs import Proofs
from clientflow_host.checklist.report import sections
from clientflow_host.checklist.running import Answered, Chosen, run_checklist
from clientflow_host.checklist.subject import opened
from clientflow_host.settings import STATE_DIR_ENV, default_state_folder, read_values
from clientflow_host.state import UpNote, read_up_note

PAGE: Final = "docs/checklist.md"
_BEGIN: Final = "<!-- checklist -->"
_END: Final = "<!-- /checklist -->"
# Any, as long as both are the same.
_COMMIT: Final = "0" * 40


async def answer_as_proven(values: Mapping[str, str]) -> Sequence[Answered]:
    """Answer every item for the service that *values* lead to, as if all tests had passed."""
    proven = {item_id: {"the tests": "passed"} for item_id in load_catalogue()}
    proofs = Proofs(commit=_COMMIT, tests=proven, built=_COMMIT)
    async with opened(values, url=None) as context:
        answered = await run_checklist(context, chosen=Chosen(), proofs=proofs)
    return [one for one in answered if one.item.id in load_catalogue()]


def checklist_table(answered: Sequence[Answered]) -> str:
    """Give the section between the marks: how many of each, then every item."""
    lines = [
        _BEGIN,
        "",
        f"With the tests of the build passed: {summary(one.answer.status for one in answered)}.",
    ]
    for title, those in sections(answered):
        lines += ["", f"### {title}", "", "| item | words | answer |", "| --- | --- | --- |"]
        lines += [
            f"| {one.item.id} | {one.item.words} | {one.answer.status.words} |" for one in those
        ]
    return "\n".join([*lines, "", _END])


def with_table(page: str, answered: Sequence[Answered]) -> str:
    """Give *page* with the section made anew."""
    before, _, rest = page.partition(_BEGIN)
    return before + checklist_table(answered) + rest.partition(_END)[2]


def values_of(note: UpNote) -> dict[str, str]:
    """Give the settings that lead to what a running `up` runs."""
    ours = {"CLIENTFLOW_PUBLIC_URL": note.url, "DATABASE_URL": note.database_url}
    return {**read_values(), **note.settings, **ours, STATE_DIR_ENV: note.state_dir}


def main(root: Path, state_dir: Path) -> None:
    """Write the section anew below the checkout *root*, from the `up` that runs on *state_dir*."""
    page, note = root / PAGE, read_up_note(state_dir)
    if note is None or not page.exists():
        sys.exit(f"{root} is no checkout of ClientFlow, or no `clientflow up` runs on {state_dir}")
    with capture_logs():
        answered = asyncio.run(answer_as_proven(values_of(note)))
    page.write_text(with_table(page.read_text("utf-8"), answered), "utf-8")


if __name__ == "__main__":
    main(Path.cwd(), Path(sys.argv[1]) if sys.argv[1:] else default_state_folder())
