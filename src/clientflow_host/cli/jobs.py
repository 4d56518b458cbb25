"""The commands about jobs: what is still to be done, and what becomes of what was given up."""

import asyncio
import getpass
import os
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeAlias

from cyclopts import App, Parameter

from clientflow_host.cli import LOOK, app
from clientflow_host.cli.database import opened_database, system_transaction
from clientflow_host.cli.options import AsJson, Most, StateDir, read_all
from clientflow_host.cli.tables import output, print_json, print_rows

if TYPE_CHECKING:
    from clientflow_core.domain.dead_jobs import DeadJobFilter
    from clientflow_host.dead_letters import DeadLetter, Retried

jobs = App(name="jobs", help="Work that is still to be done, or was given up.", group=LOOK)
app.command(jobs)

_COLUMNS: Final = ("id", "lane", "kind", "run_at", "attempts", "last_error", "dead_at")
_DEAD: Final = ("id", "kind", "organization_id", "attempts", "last_error", "dead_at", "remedy")
_DISCARDED: Final = (
    "id",
    "kind",
    "organization_id",
    "last_error",
    "discarded_at",
    "discarded_by",
    "discard_reason",
)
_OUTCOMES: Final = ("id", "outcome")

Ids: TypeAlias = Annotated[int, Parameter(name="ID", help="As `jobs list --dead` has them.")]
Kind: TypeAlias = Annotated[
    str | None, Parameter(help="Only those of this kind that were given up.", show_default=False)
]
Error: TypeAlias = Annotated[
    str | None, Parameter(help="Only those whose last error is this code.", show_default=False)
]


def _flag(text: str) -> Parameter:
    return Parameter(help=text, negative=(), show_default=False)


@jobs.command(name="list")
def list_jobs(  # noqa: PLR0913 - a command has its options
    *,
    dead: Annotated[bool, _flag("Only those that were given up, the newest first.")] = False,
    discarded: Annotated[bool, _flag("Those that somebody has discarded, with why.")] = False,
    kind: Kind = None,
    error: Error = None,
    limit: Most = 50,
    state_dir: StateDir = None,
    json: AsJson = False,
) -> None:
    """List jobs that are not done, the longest due first."""
    values = read_all(state_dir)
    if dead or discarded or kind or error:
        letters = asyncio.run(
            _read_letters(values, _which(kind, error, is_discarded=discarded), most=limit)
        )
        rows: Sequence[Mapping[str, Any]] = [letter.fields() for letter in letters]
        columns, empty = (_DISCARDED if discarded else _DEAD), "Nothing was given up."
    else:
        rows, columns = asyncio.run(_read_jobs(values, most=limit)), _COLUMNS
        empty = "There is nothing to do."
    print_rows(rows, columns=columns, as_json=json, empty=empty)


@jobs.command(name="show")
def show_job(
    job_id: Annotated[int, Parameter(name="ID", help="As `jobs list --dead` has it.")],
    /,
    *,
    state_dir: StateDir = None,
    json: AsJson = False,
) -> None:
    """Show a job: what it is about, why it was given up, and what can be done about it."""
    fields = asyncio.run(_read_letter(read_all(state_dir), job_id)).fields()
    if json:
        print_json(fields)
        return
    rows = [{"what": name.replace("_", " "), "is": value} for name, value in fields.items()]
    print_rows(rows, columns=("what", "is"), as_json=False, empty="")


def _check_choice(**given: Any) -> None:
    is_chosen = bool(given.get("all") or given.get("kind") or given.get("error"))
    if bool(given.get("ids")) == is_chosen:
        msg = "name jobs by their ids, or choose them by --kind, --error or --all; not both"
        raise ValueError(msg)


@jobs.command(name="retry", validator=_check_choice)
def retry_jobs(
    *ids: Ids,
    all: Annotated[bool, _flag("All that were given up and may be repeated.")] = False,  # noqa: A002
    kind: Kind = None,
    error: Error = None,
    state_dir: StateDir = None,
    json: AsJson = False,
) -> None:
    """Have jobs that were given up done again, once the cause is mended.

    Each has as many attempts as a new one. What must not be repeated is left alone, such as a
    message that may have been sent; `jobs show ID` says why.
    """
    values = read_all(state_dir)
    if ids:
        _tell(asyncio.run(_retry(values, ids)), as_json=json, good="retried")
        return
    retried = asyncio.run(_retry_all(values, _which(kind, error)))
    if json:
        print_json({"retried": retried.done, "left": retried.left})
        return
    output().print(f"{retried.done} retried, {len(retried.left)} left alone.")
    for why in retried.left.values():
        output().print(f"  {why}", markup=False, soft_wrap=True)


@jobs.command(name="discard")
def discard_jobs(
    *ids: Ids,
    reason: Annotated[str, Parameter(help="Why nobody needs them; kept with each.")],
    state_dir: StateDir = None,
    json: AsJson = False,
) -> None:
    """Discard jobs that were given up, or still wait, and that nobody needs.

    They are kept with who has, when and why, for as long as others that were given up.
    """
    rows = asyncio.run(_discard(read_all(state_dir), ids, reason))
    _tell(rows, as_json=json, good="discarded")


def _caller() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # A container may run as a number that is nobody's.
        return f"the user {os.getuid()}"


def _which(kind: str | None, error: str | None, *, is_discarded: bool = False) -> "DeadJobFilter":
    from clientflow_core.domain.dead_jobs import DeadJobFilter  # noqa: PLC0415 - late

    return DeadJobFilter(kind=kind, error=error, is_discarded=is_discarded)


async def _read_jobs(values: dict[str, str], *, most: int) -> Sequence[Mapping[str, Any]]:
    from clientflow_core.persistence.repositories.jobs import list_jobs  # noqa: PLC0415 - heavy

    async with system_transaction(values) as transaction:
        return await list_jobs(transaction, most=most)


async def _read_letters(
    values: dict[str, str], which: "DeadJobFilter", *, most: int
) -> "Sequence[DeadLetter]":
    from clientflow_host.dead_letters import read_letters  # noqa: PLC0415 - heavy

    async with system_transaction(values) as transaction:
        return await read_letters(transaction, which, most=most)


async def _read_letter(values: dict[str, str], job_id: int) -> "DeadLetter":
    from clientflow_host.dead_letters import read_letter  # noqa: PLC0415 - heavy

    async with system_transaction(values) as transaction:
        return await read_letter(transaction, job_id)


async def _retry(values: dict[str, str], ids: Sequence[int]) -> Sequence[Mapping[str, Any]]:
    from clientflow_core.errors import Conflict  # noqa: PLC0415 - late
    from clientflow_core.services.retry_job import retry_job  # noqa: PLC0415 - heavy

    rows = []
    async with opened_database(values) as database:
        for one in ids:
            try:
                async with database.system() as transaction:
                    outcome = (await retry_job(transaction, one)).value
            except Conflict as error:
                outcome = str(error)
            rows.append({"id": one, "outcome": outcome})
    return rows


async def _retry_all(values: dict[str, str], which: "DeadJobFilter") -> "Retried":
    from clientflow_host.dead_letters import retry_letters  # noqa: PLC0415 - heavy

    async with opened_database(values) as database:
        return await retry_letters(database, which)


async def _discard(
    values: dict[str, str], ids: Sequence[int], reason: str
) -> Sequence[Mapping[str, Any]]:
    from clientflow_core.services.discard_job import discard_job  # noqa: PLC0415 - heavy
    from clientflow_host.dead_letters import read_reason  # noqa: PLC0415 - heavy

    kept, rows = read_reason(reason), []
    async with system_transaction(values) as transaction:
        for one in ids:
            is_done = await discard_job(transaction, one, by=_caller(), reason=kept)
            rows.append({"id": one, "outcome": "discarded" if is_done else "not waiting"})
    return rows


def _tell(rows: Sequence[Mapping[str, Any]], *, as_json: bool, good: str) -> None:
    print_rows(rows, columns=_OUTCOMES, as_json=as_json, empty="Name jobs by their ids.")
    if not rows or any(row["outcome"] != good for row in rows):
        sys.exit(1)
