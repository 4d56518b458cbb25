"""The page of the documentation that says which provider can do what, written from the code.

``python -m clientflow_host.capabilities_page`` writes it anew, in a checkout; a test fails while it
is out of date.
"""

import inspect
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from clientflow_core.providers.interfaces import abilities_of, interface_of
from clientflow_core.providers.spec import AnySpec, Capability, ProviderKind
from clientflow_core.registry.discovery import Plugin
from clientflow_core.registry.finding import find_plugins
from clientflow_core.registry.installed import read_installed
from clientflow_core.registry.tiers import RESULT_NAME, shipped_results

COMMAND: Final = "python -m clientflow_host.capabilities_page"
PAGE: Final = "docs/capabilities.md"
_OWN_DISTRIBUTION: Final = "clientflow"
_TITLES: Final = {
    ProviderKind.CHANNEL: "Channels",
    ProviderKind.BILLING: "Billing",
    ProviderKind.CALENDAR: "Calendars",
    ProviderKind.ASSISTANT: "Assistants",
    ProviderKind.IDENTITY: "Identity",
    ProviderKind.OBSERVER: "Observers",
}
_NOBODY: Final = "None of the plugins that come with ClientFlow is of this kind yet."
_INTRODUCTION: Final = f"""\
# What each provider can do

<!-- Written by `{COMMAND}`; change the specs of the plugins instead. -->

Every provider of a kind has the mandatory methods of its class. What not every one can do is a
capability: the spec declares it, a `Protocol` stands for it, and
[the conformance kit](conformance.md) proves both directions: what is declared is there, and what is
there is declared. These are the providers that come with ClientFlow; `clientflow plugins` lists
those that are installed, and `clientflow.json` in a plugin's package says the same of them."""


_FINDINGS: Final = """\
Each plugin brings along what the kit has found of it, check by check, with the reason of each that
was left out. A test holds these files to the kit and to the version."""


def capabilities_page() -> str:
    """Write the page, in Markdown."""
    pairs = [
        (plugin, spec)
        for plugin in find_plugins().plugins
        if plugin.distribution == _OWN_DISTRIBUTION
        for spec in plugin.specs
    ]
    parts = [_INTRODUCTION]
    for kind, title in _TITLES.items():
        parts += [f"## {title}", *_section(kind, [pair for pair in pairs if pair[1].kind is kind])]
    parts += ["## What the kit has found", _FINDINGS, _findings()]
    return "\n\n".join(parts) + "\n"


def _section(kind: ProviderKind, pairs: Sequence[tuple[Plugin, AnySpec]]) -> Iterator[str]:
    abilities = abilities_of(kind)
    yield f"Each is a {{py:class}}`~clientflow_core.{interface_of(kind).__name__}`."
    if pairs:
        head = ("provider", "installed by", "webhooks", *(f"`{one}`" for one in abilities))
        rows = (_cells(plugin, spec, abilities) for plugin, spec in pairs)
        yield "\n".join(map(_row, (head, ["---"] * len(head), *rows)))
    else:
        yield _NOBODY
    if abilities:
        head = ("capability", "`Protocol`", "what it means")
        meanings = (_meaning(one, protocol) for one, protocol in abilities.items())
        yield "\n".join(map(_row, (head, ["---"] * len(head), *meanings)))


def _cells(plugin: Plugin, spec: AnySpec, abilities: Iterable[Capability]) -> Iterator[str]:
    yield f"{spec.title} (`{spec.name}`)"
    extra = f"[{spec.requires}]" if spec.requires else ""
    yield f"`pip install '{plugin.distribution}{extra}'`"
    yield ", ".join(f"`/webhooks/{webhook.name}`" for webhook in spec.webhooks) or "none"
    for one in abilities:
        yield "yes" if one in spec.capabilities else "no"


def _findings() -> str:
    head = ("provider", "tier", "passed", "left out", "every check")
    found = [
        result
        for plugin in read_installed()
        if plugin.distribution == _OWN_DISTRIBUTION
        for result in shipped_results(plugin)
    ]
    return "\n".join(map(_row, (head, ["---"] * len(head), *map(_finding, found))))


def _finding(result: Mapping[str, Any]) -> tuple[str, ...]:
    outcomes = [check["outcome"] for check in result["checks"]]
    folder = str(result["class"]).split("/")[2]
    file = f"../src/clientflow_plugins/{folder}/{RESULT_NAME}"
    return (
        f"`{result['provider']}`",
        str(result["tier"]),
        str(outcomes.count("passed")),
        str(outcomes.count("skipped")),
        f"{{download}}`{RESULT_NAME} <{file}>`",
    )


def _meaning(capability: Capability, protocol: type) -> tuple[str, str, str]:
    first = (inspect.getdoc(protocol) or "").partition("\n\n")[0]
    words = " ".join(first.partition("`: ")[2].split())
    return f"`{capability}`", f"{{py:class}}`~clientflow_core.{protocol.__name__}`", words


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def main(root: Path) -> None:
    """Write the page anew below the checkout *root*."""
    if not (root / "docs").is_dir():
        sys.exit(f"{root} is no checkout of ClientFlow: run this in one")
    (root / PAGE).write_text(capabilities_page(), "utf-8")


if __name__ == "__main__":
    main(Path.cwd())
