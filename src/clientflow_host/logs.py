"""Logging: one JSON object a line, or readable lines for a person at a terminal."""

import logging
import re
import sys
from collections.abc import Iterable
from typing import Any, Final

import structlog
from aiohttp.http_exceptions import HttpProcessingError

from clientflow_core.contributions.redactions import RedactionRule

_LEVELS: Final = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}
# PostgreSQL's second line of an error quotes the row: "Key (value)=(+1415…) already exists."
_DETAIL: Final = re.compile(r"^(DETAIL|CONTEXT):.*$", re.MULTILINE)
_FIRST_FIELDS: Final = ("timestamp", "level", "event")
_OURS: Final = frozenset({"timestamp", "level"})

# What plugins keep out of the log; the processors are made before any plugin is known.
_rules: list[RedactionRule] = []

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
    last = _for_people() if sys.stderr.isatty() else _for_programs()
    structlog.configure(
        processors=[*shared, *last],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS.get(level or "", logging.INFO)),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
        )
    )
    # Libraries speak from warning on: their finer lines hold telephone numbers and statements.
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("aiohttp.server").addFilter(_say_unreadable)


def redact_with(rules: Iterable[RedactionRule]) -> None:
    """Take what *rules* match out of every line of this process from now on."""
    _rules[:] = rules


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
        structlog.processors.format_exc_info,
        _without_rows,
        _redact,
        # The renderer's own tracebacks show the values of all variables: bodies, numbers, tokens.
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),
    ]


def _for_programs() -> list[Any]:
    return [
        structlog.processors.format_exc_info,
        _without_rows,
        _redact,
        _in_order,
        structlog.processors.JSONRenderer(),
    ]


def _without_rows(_logger: Any, _method: str, event: dict[str, Any]) -> dict[str, Any]:
    """Leave out of a traceback what the database quotes of somebody's row."""
    if "exception" in event:
        event["exception"] = _DETAIL.sub(r"\1: (left out)", event["exception"])
    return event


def _redact(_logger: Any, _method: str, event: dict[str, Any]) -> dict[str, Any]:
    """Take out what plugins say must not stand in any log."""
    if not _rules:
        return event
    return {name: value if name in _OURS else _redacted(value) for name, value in event.items()}


def _redacted(value: Any) -> Any:
    match value:
        case None | bool():
            return value
        case dict():
            return {_redacted(name): _redacted(one) for name, one in value.items()}
        case list() | tuple():
            return [_redacted(one) for one in value]
        case str():
            return _apply_rules(value)
        case _:
            # A number may be one of somebody's. What it looks like is what would be printed.
            shown = str(value) if isinstance(value, int | float) else repr(value)
            clean = _apply_rules(shown)
            return value if clean == shown else clean


def _apply_rules(text: str) -> str:
    for rule in _rules:
        text = rule.apply(text)
    return text


def _in_order(_logger: Any, _method: str, event: dict[str, Any]) -> dict[str, Any]:
    """Put first what every line has, for those who read the lines as they are."""
    return {name: event.pop(name) for name in _FIRST_FIELDS if name in event} | event
