"""The HTTP API from attrs types: what is published is what is enforced.

An :class:`Operation` names a method, a path, a role and a handler; the handler's hints say what is
taken and given. :func:`add_operations` serves operations, :func:`build_document` publishes them;
both work from the same schemas. :func:`problem_of` makes the response for an error.
"""

from clientflow_host.openapi.bodies import read_bytes
from clientflow_host.openapi.chapters import Chapter, add_chapters, chapter_of, load_all
from clientflow_host.openapi.document import build_document
from clientflow_host.openapi.operations import (
    IDEMPOTENCY_KEY,
    IDEMPOTENT_REPLAYED,
    LONG_SECONDS,
    REQUEST_SECONDS,
    Answer,
    ApiRequest,
    Authenticate,
    Handler,
    Link,
    Operation,
    Page,
    Reply,
    Timestamp,
)
from clientflow_host.openapi.problem_kinds import (
    ProblemKind,
    Section,
    error_classes,
    find_problem_kind,
    kind_of_class,
    problem_kinds,
)
from clientflow_host.openapi.problems import (
    PROBLEM_MEDIA_TYPE,
    REQUEST_ID,
    REQUEST_ID_HEADER,
    STATUSES,
    HttpProblem,
    Problem,
    internal_problem,
    problem,
    problem_of,
    problem_of_http,
    status_of,
)
from clientflow_host.openapi.requests import RequestReader
from clientflow_host.openapi.routing import add_operations
from clientflow_host.openapi.schemas import Schemas, compile_schemas

__all__ = [
    "IDEMPOTENCY_KEY",
    "IDEMPOTENT_REPLAYED",
    "LONG_SECONDS",
    "PROBLEM_MEDIA_TYPE",
    "REQUEST_ID",
    "REQUEST_ID_HEADER",
    "REQUEST_SECONDS",
    "STATUSES",
    "Answer",
    "ApiRequest",
    "Authenticate",
    "Chapter",
    "Handler",
    "HttpProblem",
    "Link",
    "Operation",
    "Page",
    "Problem",
    "ProblemKind",
    "Reply",
    "RequestReader",
    "Schemas",
    "Section",
    "Timestamp",
    "add_chapters",
    "add_operations",
    "build_document",
    "chapter_of",
    "compile_schemas",
    "error_classes",
    "find_problem_kind",
    "internal_problem",
    "kind_of_class",
    "load_all",
    "problem",
    "problem_kinds",
    "problem_of",
    "problem_of_http",
    "read_bytes",
    "status_of",
]
