"""``clientflow checklist``: the production deployment checklist, answered by what runs."""

import asyncio
import contextlib
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Final, Literal

import attrs
from cyclopts import App, Parameter
from rich.console import Console
from rich.padding import Padding
from rich.progress import BarColumn, Progress, TextColumn
from rich.prompt import Confirm
from rich.text import Text
from structlog.testing import capture_logs

from clientflow_core.errors import ClientFlowError
from clientflow_host.cli import LOOK, app
from clientflow_host.cli.options import (
    AsJson,
    PluginsDir,
    StateDir,
    read_all,
    running_up,
    with_database,
)
from clientflow_host.cli.tables import output, print_json
from clientflow_host.cli.visible import visible

if TYPE_CHECKING:
    from clientflow_host.checklist.host_checks import HostCheckContext
    from clientflow_host.checklist.running import Answered, Chosen

checklist = App(name="checklist", help="Answer the production deployment checklist.", group=LOOK)
app.command(checklist)

_COLUMNS: Final = ("id", "status", "found", "expected", "hint")
_STYLES: Final = {
    "passed": "green",
    "failed": "bold red",
    "skipped": "dim",
    "needs_sign_off": "yellow",
    "unproven": "yellow",
    "missing": "magenta",
}
FailLevel = Literal["failed", "missing", "unproven", "needs-sign-off"]
Format = Literal["table", "json", "md", "html"]


@checklist.default
def run_checklist(  # noqa: PLR0913 - what people ask for
    *,
    only: Annotated[
        tuple[str, ...], Parameter(name="--only", help="Only this item; may be given again.")
    ] = (),
    section: Annotated[
        str | None,
        Parameter(help="Only this section or group; a part of its title.", show_default=False),
    ] = None,
    plugin: Annotated[
        str | None,
        Parameter(help="Only what this plugin checks, its own checks too.", show_default=False),
    ] = None,
    url: Annotated[
        str | None,
        Parameter(help="Where the running service is reached.", show_default=False),
    ] = None,
    fail_level: Annotated[
        FailLevel, Parameter(help="Exit with 1 if an item is so, or worse.")
    ] = "failed",
    fix: Annotated[
        bool, Parameter(help="Offer to mend what is safe to mend; asks first.", negative=())
    ] = False,
    format: Annotated[  # noqa: A002 - the word that people look for
        Format, Parameter(help="How it is printed.")
    ] = "table",
    json: AsJson = False,
    state_dir: StateDir = None,
    plugins_dir: PluginsDir = None,
) -> None:
    """Answer every item of the checklist, section by section; nothing is sent or changed.

    Each ends as passed, failed (with what to do), skipped (it does not apply), needs sign-off,
    unproven (no result of the tests for this build) or missing (not built yet). The answers are
    kept for this release. JSON has the items alone; the others add what plugins check beside them.
    """
    from clientflow_host.checklist.running import Chosen  # noqa: PLC0415 - heavy

    values = read_all(state_dir, plugins_dir=plugins_dir)
    note = running_up(values)
    of_up = {**note.settings, "CLIENTFLOW_PUBLIC_URL": note.url} if note else {}
    chosen = Chosen(ids=only, section=section, plugin=plugin)
    how: Format = "json" if json else format
    # What is logged meanwhile is what the items say.
    with capture_logs():
        answered, release = asyncio.run(
            _run(with_database({**of_up, **values}), chosen, url=url, is_fixing=fix)
        )
    _print(_shown(answered, chosen, how), release=release, how=how)
    if _is_at_least(answered, fail_level):
        sys.exit(1)


async def _run(
    values: Mapping[str, str], chosen: "Chosen", *, url: str | None, is_fixing: bool
) -> "tuple[Sequence[Answered], str]":
    from clientflow_host.checklist.running import run_checklist  # noqa: PLC0415 - heavy
    from clientflow_host.checklist.subject import keep, opened  # noqa: PLC0415 - heavy

    async with opened(values, url=url) as context:
        with _progress() as tell:
            answered = list(await run_checklist(context, chosen=chosen, tell=tell))
        if is_fixing:
            answered = [await _offer_fix(one, context) for one in answered]
        if chosen.is_everything:
            await keep(context, answered)
        return answered, context.release


@contextlib.contextmanager
def _progress() -> Iterator[Callable[[int, int], None]]:
    """Show how far it is, where somebody looks on."""
    console = Console(stderr=True)
    bar = Progress(
        TextColumn("checking"),
        BarColumn(),
        TextColumn("{task.completed} of {task.total}"),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    with bar:
        task = bar.add_task("checks", total=None)
        yield lambda done, of: bar.update(task, completed=done, total=of)


async def _offer_fix(one: "Answered", context: "HostCheckContext") -> "Answered":
    from clientflow_host.checklist.answers import Status  # noqa: PLC0415 - heavy
    from clientflow_host.checklist.running import answer_again, fix_title  # noqa: PLC0415 - heavy

    mending, console = one.fix, Console(stderr=True, highlight=False)
    if one.answer.status is not Status.FAILED or mending is None:
        return one
    console.print(Text(visible(f"{one.item.id} {one.item.words}: {one.answer.found}")))
    if not _is_wanted(fix_title(mending), console):
        return one
    try:
        console.print(Text(visible(await mending.fix())))
    except (ClientFlowError, TimeoutError) as error:
        console.print(Text(visible(f"It could not be done: {error}")))
        return one
    return await answer_again(one, context)


def _is_wanted(title: str, console: Console) -> bool:
    try:
        return Confirm.ask(Text(f"{title}?"), console=console, default=False)
    except EOFError:
        console.print("\nNobody answers: nothing is done.")
        return False


def _shown(answered: "Sequence[Answered]", chosen: "Chosen", how: Format) -> "Sequence[Answered]":
    """Leave plugins' own checks out of the whole as JSON, which is the checklist and no more."""
    from clientflow_host.checklist.catalogue import load_catalogue  # noqa: PLC0415 - heavy

    if how != "json" or not chosen.is_everything:
        return answered
    return [one for one in answered if one.item.id in load_catalogue()]


def _is_at_least(answered: "Sequence[Answered]", level: FailLevel) -> bool:
    from clientflow_host.checklist.answers import Status  # noqa: PLC0415 - heavy

    worst = Status(level.replace("-", "_"))
    return any(not worst.is_worse_than(one.answer.status) for one in answered)


def _print(answered: "Sequence[Answered]", *, release: str, how: Format) -> None:
    from clientflow_host.checklist.report import as_html, as_markdown  # noqa: PLC0415 - heavy

    match how:
        case "json":
            rows = [attrs.asdict(one.answer) for one in answered]
            print_json([{name: row[name] for name in _COLUMNS} for row in rows])
        case "md":
            sys.stdout.write(as_markdown(answered, release=release))
        case "html":
            sys.stdout.write(as_html(answered, release=release))
        case "table":
            _print_sections(answered, release=release)


def _print_sections(answered: "Sequence[Answered]", *, release: str) -> None:
    from clientflow_host.checklist.answers import TO_PROVE, Status, summary  # noqa: PLC0415 - heavy
    from clientflow_host.checklist.report import sections  # noqa: PLC0415 - heavy

    console = output()
    for title, those in sections(answered):
        console.print(Text(f"\n{title}", style="bold"))
        console.print(Text(f"  {summary(one.answer.status for one in those)}", style="dim"))
        for one in those:
            _print_item(console, one)
    total = summary(one.answer.status for one in answered)
    console.print(Text(f"\nClientFlow {release}: {total}.", style="bold"))
    if any(one.answer.status is Status.UNPROVEN for one in answered):
        console.print(Text(f"? unproven: {TO_PROVE}"))


def _print_item(console: Console, one: "Answered") -> None:
    from clientflow_host.checklist.answers import Status  # noqa: PLC0415 - heavy
    from clientflow_host.checklist.report import mark  # noqa: PLC0415 - heavy

    answer, style = one.answer, _STYLES[one.answer.status.value]
    line = Text(f"  {mark(answer.status)} ", style=style)
    line.append(f"{one.item.id}  ", style="bold")
    line.append(visible(one.item.words.replace("`", "")))
    line.append(f"  {answer.status.words}", style=style)
    console.print(line)
    notes = {"found": answer.found}
    if answer.status is Status.FAILED:
        notes["expected"] = answer.expected
    # What an unproven one needs is said once, below.
    if answer.status not in {Status.PASSED, Status.UNPROVEN}:
        notes["hint"] = answer.hint
    for name, words in notes.items():
        if words:
            console.print(
                Padding(Text(visible(f"{name}: {words}"), style="dim"), (0, 0, 0, 9), expand=False)
            )
