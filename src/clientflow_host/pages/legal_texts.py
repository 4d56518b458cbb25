"""Legal texts: Markdown with places like ``[COMPANY NAME]`` to be filled in."""

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import attrs

from clientflow_core.providers.spec import AnySpec, ProviderKind
from clientflow_host.site_settings import SiteSettings

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

_OURS: Final = Path(__file__).parent / "legal"
_PLACEHOLDER: Final = re.compile(r"\[([A-Z][A-Z0-9 -]{2,40})\](?!\()")
_SPECIAL: Final = re.compile(r"([\\`*_{}\[\]<>#|!~&])")
_TASKS: Final[Mapping[ProviderKind, tuple[str, str]]] = {
    ProviderKind.CHANNEL: ("carries messages", "addresses and messages of clients"),
    ProviderKind.BILLING: ("takes payments", "names and e-mail addresses of customers, payments"),
    ProviderKind.CALENDAR: ("keeps calendars", "appointments, and who takes part in them"),
    ProviderKind.ASSISTANT: ("drafts answers", "messages of clients that an answer is drafted to"),
    ProviderKind.IDENTITY: ("signs users in", "e-mail addresses of users"),
    ProviderKind.OBSERVER: ("receives error reports and timings", "technical data, redacted"),
}


@attrs.frozen(kw_only=True)
class SubProcessor:
    """Somebody to whom personal data is given.

    Attributes:
        name: their product, as they call it.
        task: what they do.
        data: what they are given.
    """

    name: str
    task: str
    data: str


def sub_processors(specs: Iterable[AnySpec], site: SiteSettings) -> Sequence[SubProcessor]:
    """List who is given personal data, by name: the outside providers that are enabled."""
    found = {
        spec.title: SubProcessor(name=spec.title, task=task, data=data)
        for spec in specs
        for task, data in [_TASKS[spec.kind]]
        if not spec.is_local
    }
    if site.posthog_key is not None:
        task, data = "counts visits to pages", "visits of who agrees to it, by a random number"
        found["PostHog"] = SubProcessor(name="PostHog", task=task, data=data)
    return [found[name] for name in sorted(found, key=str.casefold)]


def read_text(slug: str, *, folder: Path | None) -> str:
    """Read a legal text: the operator's own, or ours where there is none.

    Args:
        slug: such as ``terms``.
        folder: of the operator's own.
    """
    own = folder / f"{slug}.md" if folder else None
    file = own if own is not None and own.is_file() else _OURS / f"{slug}.md"
    return file.read_text("utf-8-sig", errors="replace")


def fill_in(text: str, *, site: SiteSettings, listed: Sequence[SubProcessor]) -> str:
    """Put what is known in its places; the others stay as they are.

    Args:
        text: Markdown.
        site: who runs the service.
        listed: who is given personal data.
    """
    known = {
        "COMPANY NAME": _escaped(site.company_name),
        "COMPANY ADDRESS": _escaped(site.company_address),
        "GOVERNING LAW": _escaped(site.company_law),
        "PRIVACY E-MAIL": site.privacy_email and f"<{site.privacy_email}>",
        "SUPPORT E-MAIL": site.support_email and f"<{site.support_email}>",
        "EFFECTIVE DATE": site.legal_date,
        "SUB-PROCESSORS": _table(listed),
    }
    return _PLACEHOLDER.sub(lambda found: known.get(found[1]) or found[0], text)


def placeholders(text: str) -> Sequence[str]:
    """Name what is still to be filled in, each once."""
    return sorted(set(_PLACEHOLDER.findall(text)))


def to_html(text: str) -> str:
    """Make HTML of Markdown, with what is not filled in marked; HTML in it stays text."""
    html: str = _markdown().render(text)
    return _PLACEHOLDER.sub(lambda found: f"<mark>{found[0]}</mark>", html)


def _escaped(text: str | None) -> str | None:
    return text and _SPECIAL.sub(r"\\\1", text)


def _table(listed: Sequence[SubProcessor]) -> str:
    if not listed:
        return "None: no outside provider is enabled."
    rows = [f"| {_escaped(one.name)} | {one.task} | {one.data} |" for one in listed]
    return "\n".join(["| who | what for | what they are given |", "| --- | --- | --- |", *rows])


@cache
def _markdown() -> "MarkdownIt":
    # Only a process that shows a text needs it.
    from markdown_it import MarkdownIt  # noqa: PLC0415

    return MarkdownIt("commonmark", {"html": False}).enable("table")
