"""Logging: one JSON object a line, or readable lines for a person at a terminal."""

import logging
import sys
from typing import Any, Final

import structlog

_LEVELS: Final = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}
_FIRST_FIELDS: Final = ("timestamp", "level", "event")


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


def _for_people() -> list[Any]:
    # The renderer's own tracebacks show the values of all variables: bodies, numbers, tokens.
    return [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]


def _for_programs() -> list[Any]:
    return [
        structlog.processors.format_exc_info,
        _in_order,
        structlog.processors.JSONRenderer(),
    ]


def _in_order(_logger: Any, _method: str, event: dict[str, Any]) -> dict[str, Any]:
    """Put first what every line has, for those who read the lines as they are."""
    return {name: event.pop(name) for name in _FIRST_FIELDS if name in event} | event
