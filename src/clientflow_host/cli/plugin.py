"""The commands for whoever writes a plugin, or sets one up: new, verify, manifest, check."""

import asyncio
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import attrs
from cyclopts import App, Parameter
from rich.console import Console
from rich.markup import escape
from structlog.testing import capture_logs

from clientflow_core.errors import PluginError
from clientflow_host.cli import LOOK, app
from clientflow_host.cli.options import AsJson, PluginsDir, StateDir, read_all, running_up
from clientflow_host.cli.tables import output, print_json, print_rows
from clientflow_host.cli.visible import visible

if TYPE_CHECKING:
    from clientflow_host.plugin_checking import CheckedPlugin
    from clientflow_host.plugin_verifying import Verdict

plugin = App(name="plugin", help="Write a plugin, check it, try its credentials.", group=LOOK)
app.command(plugin)

# Of which there is a scaffold; and what a person would ask for, and cannot have yet.
_KINDS: Final = {
    "channel": "carries messages",
    "billing": "sells plans",
    "calendar": "keeps calendars",
    "assistant": "drafts answers",
}
_LATER: Final = frozenset({"identity", "observer"})


def _check_kind(_: Any, kind: str) -> None:
    there_is = f"there is: {', '.join(_KINDS)}"
    if kind in _LATER:
        msg = f"there is no scaffold for {kind} yet: it comes with a later release; {there_is}"
        raise ValueError(msg)
    if kind not in _KINDS:
        msg = f"{kind!r} is no kind of provider; {there_is}"
        raise ValueError(msg)


@plugin.command(name="new")
def new_plugin(
    name: Annotated[str, Parameter(name="NAME", help="After the provider, such as acme-sms.")],
    /,
    *,
    kind: Annotated[
        str,
        Parameter(
            help="What the provider is: "
            + ", ".join(f"{kind} {does}" for kind, does in _KINDS.items())
            + ".",
            validator=_check_kind,
        ),
    ] = "channel",
    into: Annotated[
        Path | None,
        Parameter(
            name="--into", help="The new folder; by default clientflow-NAME.", show_default=False
        ),
    ] = None,
) -> None:
    """Write the package of a plugin of your own, which works before its first change.

    It has settings, the provider, its webhooks, a sandbox that stands in for the provider, and
    tests that prove all of them. Each file says what to change first.
    """
    from clientflow_host.scaffolding import read_plugin_name, write_plugin  # noqa: PLC0415 - jinja2

    chosen = read_plugin_name(name)
    folder = into or Path(chosen.distribution)
    files = write_plugin(chosen, kind, into=folder)
    console = output()
    for path in files:
        console.print(f"[green]✓[/] {escape(str(folder / path))}", soft_wrap=True)
    console.print("It works as it is. Install it, and see its tests pass:")
    for line in (
        f"cd {shlex.quote(str(folder))}",
        "python -m pip install -e '.[test]'",
        "python -m pytest",
    ):
        console.print(f"  {escape(line)}", soft_wrap=True)
    console.print("Then look for [bold]# To change:[/] in its files. `clientflow up` runs it.")


@plugin.command(name="verify")
def verify_plugins(
    *names: Annotated[str, Parameter(name="NAME")],
    state_dir: StateDir = None,
    plugins_dir: PluginsDir = None,
    json: AsJson = False,
) -> None:
    """Ask providers whether their credentials work; nothing is sent.

    Args:
        names: Of providers; without any, all that are set.
        state_dir: The folder for state; also CLIENTFLOW_STATE_DIR.
        plugins_dir: A folder whose *.py are plugins too; also CLIENTFLOW_PLUGINS_DIR.
        json: Print JSON.
    """
    from clientflow_host.plugin_verifying import verify_providers  # noqa: PLC0415 - heavy

    values = read_all(state_dir, plugins_dir=plugins_dir)
    note = running_up(values)
    of_up = {**note.settings, "CLIENTFLOW_PUBLIC_URL": note.url} if note else {}
    # What the registry would log is what the verdicts say.
    with capture_logs():
        verdicts = asyncio.run(verify_providers({**of_up, **values}, names=names))
    if not verdicts:
        msg = "no provider is set up, so there is nothing to verify; `clientflow plugins` lists all"
        raise PluginError(msg)
    _print_verdicts(verdicts, as_json=json)
    if not all(verdict.works for verdict in verdicts):
        sys.exit(1)


def _print_verdicts(verdicts: "Sequence[Verdict]", *, as_json: bool) -> None:
    if as_json:
        print_json([{**attrs.asdict(one), "works": one.works} for one in verdicts])
        return
    rows = [
        {
            "name": one.name,
            "kind": one.kind,
            "works": "yes" if one.works else "no",
            "what it says": one.account or one.problem,
            "look at": " ".join(one.look_at) or None,
        }
        for one in verdicts
    ]
    print_rows(rows, columns=list(rows[0]), as_json=False, empty="")


@plugin.command(name="manifest")
def write_manifests(
    folder: Annotated[
        Path, Parameter(name="FOLDER", help="Of the plugin's pyproject.toml.")
    ] = Path(),
    /,
    *,
    check: Annotated[
        bool,
        Parameter(help="Only say whether it fits; exit with 1 if not.", negative=()),
    ] = False,
) -> None:
    """Write clientflow.json, by which a plugin is known without being imported.

    It is written from the code, into the plugin's package. Write it anew whenever the settings, the
    providers or anything else that it names has changed.
    """
    from clientflow_host.plugin_manifests import manifests_of  # noqa: PLC0415 - late

    console = output()
    is_stale = False
    for manifest in manifests_of(folder):
        name = escape(str(manifest.path))
        if manifest.is_there:
            console.print(f"[green]✓[/] {name} is what the code says", soft_wrap=True)
        elif check:
            is_stale = True
            told = f"{name} is not what the code says: clientflow plugin manifest"
            console.print(f"[red]✗[/] {told}", soft_wrap=True)
        else:
            manifest.write()
            console.print(f"[green]✓[/] {name} is written", soft_wrap=True)
    if is_stale:
        sys.exit(1)


@plugin.command(name="check")
def check_plugin(
    folder: Annotated[
        Path, Parameter(name="FOLDER", help="Of the plugin's pyproject.toml.")
    ] = Path(),
    /,
    *,
    profile: Annotated[
        Literal["quick", "full"], Parameter(help="How thorough the conformance kit is.")
    ] = "quick",
    json: AsJson = False,
) -> None:
    """Build a plugin, install it apart from all else, run its tests, and tell its tier.

    What is tested is what others would install: the wheel, with the tests of the sdist. Nothing is
    fetched: it is installed on top of what is here.
    """
    from clientflow_host.plugin_checking import check  # noqa: PLC0415 - late

    console = Console(stderr=True, highlight=False, soft_wrap=True)
    checked = check(
        folder,
        profile=profile,
        say=lambda line: console.print(f"[green]✓[/] {escape(line)}"),
    )
    _print_checked(checked, as_json=json)
    if not checked.is_good:
        sys.exit(1)


def _print_checked(checked: "CheckedPlugin", *, as_json: bool) -> None:
    if as_json:
        print_json({**attrs.asdict(checked), "is_good": checked.is_good})
        return
    console = output()
    if checked.said:
        console.print(escape(visible(checked.said, keeps_lines=True)), soft_wrap=True)
    for missing in checked.missing:
        console.print(f"  [red]✗[/] {escape(visible(missing))}", soft_wrap=True)
    tier = checked.tier or "none"
    name = f"{checked.name} {checked.version}"
    console.print(f"{escape(name)}: tier [bold]{escape(tier)}[/]", soft_wrap=True)
