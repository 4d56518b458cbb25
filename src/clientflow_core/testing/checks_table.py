"""The table of all checks in docs/conformance.md, written from the code.

``python -m clientflow_core.testing.checks_table`` writes it anew, in a checkout; a test fails while
it is out of date.
"""

import sys
from pathlib import Path
from typing import Final

from clientflow_core.testing.channel import ChannelConformance
from clientflow_core.testing.checks import Check, checks_of
from clientflow_core.testing.webhooks import WebhookConformance

COMMAND: Final = "python -m clientflow_core.testing.checks_table"
PAGE: Final = "docs/conformance.md"
_BEGIN: Final = f"<!-- Written by `{COMMAND}`; change the checks instead. -->"
_END: Final = "<!-- End of what is written. -->"
_HEAD: Final = "| check | tier | what it asks for |\n| --- | --- | --- |"


def checks_table() -> str:
    """Write the table, in Markdown; one for each group."""
    parts = [_BEGIN]
    webhooks = checks_of(WebhookConformance)
    groups: dict[str, list[Check]] = {}
    for check in checks_of(ChannelConformance).values():
        groups.setdefault(check.group, []).append(check)
    for group, checks in groups.items():
        parts.append(f"### {group}")
        if all(check.id in webhooks for check in checks):
            parts.append("Also in `WebhookConformance`.")
        parts.append("\n".join([_HEAD, *(_row(check) for check in checks)]))
    return "\n\n".join([*parts, _END])


def with_table(page: str) -> str:
    """Give *page* with the table as it is now."""
    before, _, rest = page.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    return before + checks_table() + after


def _row(check: Check) -> str:
    ability = " (an ability)" if check.is_ability else ""
    meaning = check.meaning.replace("``", "`").replace("|", "\\|")
    return f"| `{check.id}` | {check.tier}{ability} | {meaning} |"


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
