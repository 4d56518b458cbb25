"""The HTTP operations, one module for each thing that they are about."""

import functools
from typing import Final

from clientflow_host.openapi import chapter_of

_chapter = functools.partial(chapter_of, __name__)

CHAPTERS: Final = (
    _chapter(modules=("contacts", "consents"), paths=("/api/v1/contacts",)),
    _chapter(
        modules=("conversations", "drafts"), paths=("/api/v1/conversations", "/api/v1/drafts")
    ),
    _chapter(modules=("messages",), paths=("/api/v1/messages",)),
    _chapter(modules=("attachments",), paths=("/api/v1/attachments",)),
    _chapter(modules=("channels",), paths=("/api/v1/channels", "/api/v1/failover-rules")),
    _chapter(modules=("providers",), paths=("/api/v1/providers",)),
    _chapter(
        modules=("billing",),
        paths=(
            "/api/v1/plans",
            "/api/v1/subscription",
            "/api/v1/billing",
            "/api/v1/usage",
            "/api/v1/invoices",
        ),
    ),
    _chapter(
        modules=("calendars", "appointments", "feeds"), paths=("/api/v1/calendars", "/calendars")
    ),
    _chapter(modules=("jobs",), paths=("/api/v1/jobs", "/api/v1/job-retries")),
)
"""The API, in the order of its document; what is not here is there from the beginning."""
