"""Logging: one JSON object a line, or readable lines for a person at a terminal."""

import contextlib
import logging
import sys
from collections.abc import Iterable, Mapping
from typing import Any, Final, TextIO

import structlog
from aiohttp.http_exceptions import HttpProcessingError

from clientflow_core.contributions.redactions import RedactionRule
from clientflow_host.redaction import Redactor, spell_out, trace_of

_LEVELS: Final = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}
_FIRST_FIELDS: Final = ("timestamp", "level", "event")

# The processors are made before any plugin, which may have rules for it, is known.
_redactor: Final = Redactor()
_format: dict[str, str] = {}

log = structlog.get_logger(__name__)


def configure_logs(level: str | None) -> None:
    """Send every log line of the process to standard error, from *level* on.

    Args:
        level: debug, info, warning or error; info for anything else, since whoever checks the
            settings wants to tell of it.
    """
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    is_for_people = sys.stderr.isatty()
    last = _for_people() if is_for_people else _for_programs()
    known = level if level in _LEVELS else "info"
    _format.update(level=known, format="lines" if is_for_people else "json")
    structlog.configure(
        processors=[*shared, *last],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[known]),
        logger_factory=structlog.PrintLoggerFactory(_Forgiving(sys.stderr)),  # type: ignore[arg-type]
        cache_logger_on_first_use=True,
    )
    spelled_out: Any = _spell_out
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
            foreign_pre_chain=[spelled_out, *shared, structlog.stdlib.add_logger_name],
            use_get_message=False,
            pass_foreign_args=True,
        )
    )
    # Libraries speak from warning on: their finer lines hold telephone numbers and statements.
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("aiohttp.server").addFilter(_say_unreadable)


class _Forgiving:
    """A stream whose troubles are not those of whoever writes to it.

    Where its disk is full, or nobody reads it any more, a request is answered and a job done
    without the line.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError):
            self._stream.flush()


def redact_with(rules: Iterable[RedactionRule]) -> None:
    """Take what *rules* match out of every line of this process from now on."""
    _redactor.rules = tuple(rules)


def redacted(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Give *fields* as this process writes them into its log."""
    return _redactor.line(fields)


def describe_logs() -> Mapping[str, Any]:
    """Tell how this process writes its log: from which level on, and in which format.

    Empty before :func:`configure_logs`.
    """
    if not _format:
        return {}
    tells_statements = logging.getLogger("sqlalchemy.engine").isEnabledFor(logging.INFO)
    return {**_format, "tells_statements": tells_statements}


def _say_unreadable(record: logging.LogRecord) -> bool:
    """Log a request that is no HTTP without what was in it, which may be a key.

    aiohttp logs it as an error with a traceback, in which the broken header stands. Nobody here
    has done anything wrong, and whoever can reach the port can make as many as they like.
    """
    error = record.exc_info[1] if record.exc_info else None
    if not isinstance(error, HttpProcessingError):
        return True
    log.info("request_unreadable", reason=type(error).__name__)
    return False


def _for_people() -> list[Any]:
    return [
        _tell_error,
        _redact,
        # The renderer's own tracebacks show the values of all variables: bodies, numbers, tokens.
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),
    ]


def _for_programs() -> list[Any]:
    return [_tell_error, _redact, _in_order, structlog.processors.JSONRenderer()]


def _spell_out(_logger: Any, _method: str, event: dict[str, Any]) -> dict[str, Any]:
    """Fill in what a library says, each part cleaned by itself."""
    record = event["_record"]
    event["event"] = spell_out(record.msg, event.pop("positional_args", ()), _redactor)
    return event


def _tell_error(_logger: Any, _method: str, event: dict[str, Any]) -> dict[str, Any]:
    """Put in the place of an error where it comes from."""
    found = event.pop("exc_info", None)
    if isinstance(found, tuple):
        found = found[1]
    elif found is True:
        found = sys.exc_info()[1]
    if isinstance(found, BaseException):
        event["exception"] = trace_of(found)
    return event


def _redact(_logger: Any, _method: str, event: dict[str, Any]) -> dict[str, Any]:
    """Take out what must not stand in any log."""
    return redacted(event)


def _in_order(_logger: Any, _method: str, event: dict[str, Any]) -> dict[str, Any]:
    """Put first what every line has, for those who read the lines as they are."""
    return {name: event.pop(name) for name in _FIRST_FIELDS if name in event} | event
