"""The table of all checks in docs/conformance.md, written from the code.

``python -m clientflow_core.testing.checks_table`` writes it anew, in a checkout; a test fails while
it is out of date.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import clientflow_core.testing
from clientflow_core.providers.spec import ProviderKind
from clientflow_core.testing.checks import Check, checks_of
from clientflow_core.testing.conformance import Conformance
from clientflow_core.testing.webhooks import WebhookConformance

COMMAND: Final = "python -m clientflow_core.testing.checks_table"
PAGE: Final = "docs/conformance.md"
_BEGIN: Final = f"<!-- Written by `{COMMAND}`; change the checks instead. -->"
_END: Final = "<!-- End of what is written. -->"
_HEAD: Final = "| check | tier | kinds | what it asks for |\n| --- | --- | --- | --- |"


def suites() -> list[type[Conformance]]:
    """Give the class of each kind of provider that the kit can prove, in the order of kinds."""
    public = (getattr(clientflow_core.testing, name) for name in clientflow_core.testing.__all__)
    found = [
        one
        for one in public
        if isinstance(one, type) and issubclass(one, Conformance) and one.kind is not None
    ]
    return sorted(found, key=lambda one: list(ProviderKind).index(one.kind or ProviderKind.CHANNEL))


def checks_table() -> str:
    """Write the table, in Markdown; one for each group."""
    parts = [_BEGIN]
    webhooks = checks_of(WebhookConformance)
    found: dict[str, tuple[Check, list[str]]] = {}
    for suite in suites():
        for check in checks_of(suite).values():
            found.setdefault(check.id, (check, []))[1].append(str(suite.kind))
    groups: dict[str, list[tuple[Check, list[str]]]] = {}
    for check, kinds in found.values():
        groups.setdefault(check.group, []).append((check, kinds))
    for group, rows in groups.items():
        parts.append(f"### {group}")
        if all(check.id in webhooks for check, _ in rows):
            parts.append("Also in `WebhookConformance`.")
        parts.append("\n".join([_HEAD, *(_row(check, kinds) for check, kinds in rows)]))
    return "\n\n".join([*parts, _END])


def with_table(page: str) -> str:
    """Give *page* with the table as it is now."""
    before, _, rest = page.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    return before + checks_table() + after


def _row(check: Check, kinds: Sequence[str]) -> str:
    ability = " (an ability)" if check.is_ability else ""
    outside = ", but a local one" if check.is_outside else ""
    meaning = check.meaning.replace("``", "`").replace("|", "\\|")
    served = "all" if len(kinds) == len(suites()) else ", ".join(kinds)
    return f"| `{check.id}` | {check.tier}{ability} | {served}{outside} | {meaning} |"


def main() -> int:
    """Write the table anew."""
    page = Path(PAGE)
    if not page.exists():
        sys.stderr.write(f"{PAGE} is not here: run this in a checkout\n")
        return 1
    page.write_text(with_table(page.read_text("utf-8")), "utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
