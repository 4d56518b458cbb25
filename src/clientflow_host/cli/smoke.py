"""The command that tries a running service from outside: smoke."""

import asyncio
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Final

from cyclopts import Parameter
from rich.console import Console
from rich.text import Text
from structlog.testing import capture_logs

from clientflow_core.errors import ClientFlowError
from clientflow_core.settings import load_settings
from clientflow_host.cli import LOOK, app
from clientflow_host.cli.database import system_transaction
from clientflow_host.cli.options import AsJson, StateDir, read_all, running_up, with_database
from clientflow_host.cli.tables import output, print_json
from clientflow_host.cli.visible import visible
from clientflow_host.settings import load_host_settings
from clientflow_host.smoke_settings import SmokeSettings
from clientflow_host.state import UpNote

if TYPE_CHECKING:
    from clientflow_host.smoke.results import Report, StepResult
    from clientflow_host.smoke.target import Stage, Target

_MARKS: Final = {"passed": ("✓", "green"), "failed": ("✗", "bold red")}
_QUIET_MARK: Final = ("-", "dim")
_NAME_WIDTH: Final = 24


@app.command(group=LOOK)
def smoke(
    *,
    url: Annotated[
        str | None,
        Parameter(
            help="Where the service is reached; by default what `up` runs here, else"
            " CLIENTFLOW_PUBLIC_URL.",
            show_default=False,
        ),
    ] = None,
    json: AsJson = False,
    state_dir: StateDir = None,
) -> None:
    """Try a running service from outside, within half a minute; exit with 1 if a step failed.

    It signs in, adds a contact, has a stand-in send a text and answers it. Of `up` it knows who it
    is; elsewhere CLIENTFLOW_SMOKE_API_KEY, _EMAIL and _PASSWORD say so. What it found is kept for
    the release that answers, where the database can be reached, and answers the checklist.
    """
    values = read_all(state_dir)
    # What is logged meanwhile is what the steps say.
    with capture_logs():
        report, not_kept = asyncio.run(_run(values, url=url, is_quiet=json))
    if json:
        print_json(report.as_json() | {"not_kept": not_kept})
    else:
        _print_end(report, not_kept)
    if not report.is_good:
        sys.exit(1)


async def _run(
    values: dict[str, str], *, url: str | None, is_quiet: bool
) -> "tuple[Report, str | None]":
    from clientflow_host.smoke.running import run_smoke  # noqa: PLC0415 - heavy

    target = find_target(values, url=url)
    with _Teller(is_quiet=is_quiet) as tell:
        report = await run_smoke(target, tell=tell)
    return report, await _keep(values, report)


def find_target(values: dict[str, str], *, url: str | None) -> "Target":
    """Tell what is tried, and who tries it.

    Raises:
        SettingsError: settings of the test are not usable.
    """
    from clientflow_host.smoke.target import Target  # noqa: PLC0415 - heavy

    note, own = running_up(values), load_settings(SmokeSettings, values)
    wanted = (url or "").rstrip("/")
    if note is not None and wanted in {"", note.url}:
        return _target_of_up(note)
    return Target(
        url=wanted or load_host_settings(values).url,
        api_key=own.api_key,
        email=own.email,
        password=own.password,
    )


def _target_of_up(note: UpNote) -> "Target":
    from clientflow_core.secret import Secret  # noqa: PLC0415 - with the rest
    from clientflow_host.smoke.target import Target  # noqa: PLC0415 - heavy

    return Target(
        url=note.url,
        api_key=Secret(note.api_key),
        email=note.email,
        password=Secret(note.password),
        stage=_stage(note.sandbox_url, note.settings),
    )


def _stage(sandbox_url: str | None, settings: Mapping[str, str]) -> "Stage | None":
    from clientflow_host.smoke.target import Stage  # noqa: PLC0415 - heavy

    number = settings.get("TWILIO_PHONE_NUMBER")
    if sandbox_url is None or number is None:
        return None
    return Stage(control_url=f"{sandbox_url}/twilio/_control", number=number)


async def _keep(values: dict[str, str], report: "Report") -> str | None:
    """Keep the report; give why it is not, if it is not."""
    from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415 - heavy

    from clientflow_host.smoke.running import keep_report  # noqa: PLC0415 - heavy

    known = with_database(values)
    if not known.get("DATABASE_URL"):
        return "DATABASE_URL is not set"
    try:
        async with system_transaction(known) as transaction:
            await keep_report(transaction, report)
    except (ClientFlowError, SQLAlchemyError, OSError) as error:
        return str(error).partition("\n")[0]
    return None


class _Teller:
    """Shows each step as it is taken, and how it has ended."""

    def __init__(self, *, is_quiet: bool) -> None:
        # Steps as they end are what is asked for; the one that is being taken is for who looks on.
        self._console = output()
        self._is_quiet = is_quiet
        self._status = Console(stderr=True, quiet=is_quiet).status("smoke test")

    def __enter__(self) -> "_Teller":
        self._status.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._status.stop()

    def __call__(self, told: "StepResult | str") -> None:
        if isinstance(told, str):
            self._status.update(told)
        elif not self._is_quiet:
            self._console.print(_line(told))
            if told.hint and told.status.value != "missing":
                self._console.print(Text(f"      {visible(told.hint)}", style="dim"))


def _line(step: "StepResult") -> Text:
    mark, style = _MARKS.get(step.status.value, _QUIET_MARK)
    status = "" if step.status.value in _MARKS else f"{step.status.value}: "
    return Text.assemble(
        (f"{mark} ", style),
        f"{step.item}  {step.name:<{_NAME_WIDTH}}",
        (f"{step.milliseconds:>6} ms  ", "dim"),
        (f"{status}{visible(step.found)}", "" if step.status.value in _MARKS else "dim"),
    )


def _print_end(report: "Report", not_kept: str | None) -> None:
    console = output()
    count = {one: sum(step.status.value == one for step in report.steps) for one in _COUNTED}
    words = ", ".join(f"{number} {one}" for one, number in count.items() if number)
    style = "bold green" if report.is_good else "bold red"
    console.print(
        Text.assemble((words, style), f": {report.url}, {report.release or 'no release'}")
    )
    if not_kept is not None:
        console.print(Text(f"Not kept for the checklist: {visible(not_kept)}", style="yellow"))


_COUNTED: Final = ("passed", "failed", "skipped", "missing")
