"""The pages that a person sees."""

import functools
from typing import Final

from clientflow_host.openapi import chapter_of

_chapter = functools.partial(chapter_of, __name__)

PUBLIC: Final = _chapter(
    modules=(
        "home",
        "entry",
        "cookies",
        "legal",
        "crawlers",
        "problems",
        "api_docs",
        "design",
        "static_files",
    ),
    paths=("/",),
)
"""What is there for everybody, and what is nowhere."""

CHAPTERS: Final = (
    PUBLIC,
    _chapter(modules=("inbox", "emails", "drafts"), paths=("/inbox", "/emails", "/attachments")),
    _chapter(modules=("contacts", "consents"), paths=("/contacts",)),
    _chapter(modules=("billing",), paths=("/billing",)),
    _chapter(modules=("calendar", "calendar_feed"), paths=("/calendar",)),
    _chapter(modules=("providers",), paths=("/settings", "/oauth")),
    _chapter(modules=("operation",), paths=("/operation/checklist",)),
    _chapter(modules=("jobs",), paths=("/operation/jobs", "/operation/messages")),
    _chapter(modules=("stream",), paths=("/stream",)),
)
"""All pages but those that plugins bring."""
