"""What an event may hold, https://develop.sentry.dev/sdk/data-model/event-payloads/.

Sentry takes much more and mends what it can; whatever the plugin never means to send is refused.
"""

import datetime as dt
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from clientflow_plugins.sentry.sandbox.refusals import bad_envelope

Rule = Callable[[Any], bool]

_TAG_NAME: Final = re.compile(r"[a-zA-Z0-9_.:-]{1,32}")
_LONGEST_TAG: Final = 200


def _matches(pattern: str) -> Rule:
    compiled = re.compile(pattern)
    return lambda value: isinstance(value, str) and compiled.fullmatch(value) is not None


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def _is_time(value: Any) -> bool:
    if isinstance(value, str):
        try:
            return dt.datetime.fromisoformat(value).tzinfo is not None
        except ValueError:
            return False
    return isinstance(value, int | float) and not isinstance(value, bool) and value > 0


def _are_tags(value: Any) -> bool:
    return isinstance(value, dict) and all(
        _TAG_NAME.fullmatch(name) and isinstance(one, str) and len(one) <= _LONGEST_TAG
        for name, one in value.items()
    )


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)


def _is_list(value: Any) -> bool:
    return isinstance(value, list)


_TRACE_ID, _SPAN_ID = _matches("[0-9a-f]{32}"), _matches("[0-9a-f]{16}")
_COMMON: Final[Mapping[str, Rule]] = {
    "event_id": _TRACE_ID,
    "timestamp": _is_time,
    "platform": lambda value: value == "python",
    "release": _matches(r"[^\s/\\]{1,200}"),
    "environment": _matches(r"[^\s/\\]{1,64}"),
    "server_name": _is_text,
    "sdk": _is_object,
}
_ERROR: Final[Mapping[str, Rule]] = {
    **_COMMON,
    "level": lambda value: value in {"fatal", "error", "warning", "info", "debug"},
    "exception": _is_object,
}
_TRANSACTION: Final[Mapping[str, Rule]] = {
    **_COMMON,
    "type": lambda value: value == "transaction",
    "transaction": _is_text,
    "transaction_info": _is_object,
    "contexts": _is_object,
    "start_timestamp": _is_time,
    "spans": _is_list,
}
_OPTIONAL: Final[Mapping[str, Rule]] = {
    "tags": _are_tags,
    "contexts": _is_object,
    "transaction": _is_text,
    "modules": _is_object,
}
_RAISED: Final[Mapping[str, Rule]] = {
    "type": _is_text,
    "value": lambda value: isinstance(value, str),
}
_TRACE: Final[Mapping[str, Rule]] = {
    "trace_id": _TRACE_ID,
    "span_id": _SPAN_ID,
    "op": _is_text,
}
_SPAN: Final[Mapping[str, Rule]] = {
    **_TRACE,
    "parent_span_id": _SPAN_ID,
    "description": _is_text,
    "start_timestamp": _is_time,
    "timestamp": _is_time,
}


def check_event(event: Mapping[str, Any]) -> None:
    """Refuse an error's event that breaks a rule.

    Raises:
        Refusal: it does.
    """
    _check(event, _ERROR, _OPTIONAL)
    values = event["exception"].get("values")
    if not isinstance(values, list) or not values:
        raise bad_envelope("exception has no values")
    for raised in values:
        _require(raised, _RAISED)
        if any("vars" in frame for frame in (raised.get("stacktrace") or {}).get("frames", ())):
            raise bad_envelope("the values of variables have no place here")
    if "contexts" in event:
        _require(event["contexts"].get("trace"), _TRACE)


def check_transaction(event: Mapping[str, Any]) -> None:
    """Refuse a transaction that breaks a rule.

    Raises:
        Refusal: it does.
    """
    _check(event, _TRANSACTION, _OPTIONAL)
    trace = event["contexts"].get("trace")
    _require(trace, _TRACE)
    for span in event["spans"]:
        _require(span, _SPAN)
        if span["trace_id"] != trace["trace_id"]:
            raise bad_envelope("a span of another trace")


def _check(
    found: Mapping[str, Any], rules: Mapping[str, Rule], optional: Mapping[str, Rule]
) -> None:
    _require(found, rules)
    unknown = sorted(found.keys() - rules.keys() - optional.keys())
    if unknown:
        raise bad_envelope(f"the sandbox does not know {unknown[0]}")
    _require(found, {name: rule for name, rule in optional.items() if name in found})


def _require(found: Any, rules: Mapping[str, Rule]) -> None:
    if not isinstance(found, dict):
        raise bad_envelope("something that must be an object is none")
    for name, rule in rules.items():
        if not rule(found.get(name)):
            raise bad_envelope(f"{name} is missing or malformed")
