"""The answers as a document: Markdown, or a page that needs nothing beside itself."""

import html
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Final

from clientflow_host.checklist.answers import Status, summary
from clientflow_host.checklist.running import Answered

_STYLE: Final = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "li{margin:.4rem 0}small{display:block;color:#555}"
    ".failed{color:#a40000}.passed{color:#0a6b2d}"
)
_MARKS: Final = {
    Status.PASSED: "✓",
    Status.SKIPPED: "·",
    Status.NEEDS_SIGN_OFF: "✎",
    Status.UNPROVEN: "?",
    Status.MISSING: "○",
    Status.FAILED: "✗",
}


def mark(status: Status) -> str:
    """Give the sign of *status*, one column wide."""
    return _MARKS[status]


def sections(answered: Iterable[Answered]) -> Iterator[tuple[str, Sequence[Answered]]]:
    """Give each section with what is answered in it, in order."""
    for title, those in groupby(answered, key=lambda one: one.item.section):
        yield title, list(those)


def as_markdown(answered: Sequence[Answered], *, release: str) -> str:
    """Write the answers as Markdown, section by section."""
    lines = ["# Production deployment checklist", "", f"ClientFlow {release}: {_sum(answered)}."]
    for title, those in sections(answered):
        lines += ["", f"## {title}", "", "| item | words | status | found | what to do |"]
        lines.append("| --- | --- | --- | --- | --- |")
        lines += [_row(one) for one in those]
    return "\n".join(lines) + "\n"


def as_html(answered: Sequence[Answered], *, release: str) -> str:
    """Write the answers as a page."""
    body = "".join(
        f"<h2>{html.escape(title)}</h2><ul>{''.join(map(_entry, those))}</ul>"
        for title, those in sections(answered)
    )
    title = "Production deployment checklist"
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head>'
        f"<body><h1>{title}</h1><p>ClientFlow {html.escape(release)}:"
        f" {html.escape(_sum(answered))}.</p>{body}</body></html>\n"
    )


def _sum(answered: Sequence[Answered]) -> str:
    return summary(one.answer.status for one in answered)


def _row(one: Answered) -> str:
    cells = (
        one.item.id,
        one.item.words,
        f"{mark(one.answer.status)} {one.answer.status.words}",
        one.answer.found,
        one.answer.hint,
    )
    return f"| {' | '.join(_cell(cell) for cell in cells)} |"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _entry(one: Answered) -> str:
    status = one.answer.status
    notes = [f"found: {one.answer.found}", f"expected: {one.answer.expected}"]
    notes += [f"what to do: {one.answer.hint}"] if one.answer.hint else []
    small = "".join(f"<small>{html.escape(note)}</small>" for note in notes)
    return (
        f'<li class="{status.value}">{mark(status)} <b>{one.item.id}</b>'
        f" {html.escape(one.item.words)} ({html.escape(status.words)}){small}</li>"
    )
