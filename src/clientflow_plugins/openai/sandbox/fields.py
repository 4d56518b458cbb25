"""The fields of a call: none that is unknown, missing, or of another type."""

import json
from collections.abc import Collection, Mapping
from http import HTTPStatus
from typing import Any, Final

import attrs

from clientflow_plugins.openai.sandbox.refusals import Refusal, invalid

_NAMES: Final[Mapping[type, str]] = {
    str: "a string",
    int: "an integer",
    bool: "a boolean",
    list: "an array",
    dict: "an object",
}


@attrs.frozen(kw_only=True)
class Field:
    """What is known of a field: its type, and whether it must be there."""

    type: type
    is_required: bool = False


def read_object(body: bytes) -> dict[str, Any]:
    """Read the body of a call.

    Raises:
        Refusal: it is no JSON object.
    """
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError):
        fields = None
    if not isinstance(fields, dict):
        message = "We could not parse the JSON body of your request."
        raise Refusal(status=HTTPStatus.BAD_REQUEST, message=message)
    return fields


def check_fields(given: Mapping[str, Any], known: Mapping[str, Field], *, place: str = "") -> None:
    """Refuse what does not fit *known*; *place* is before each name, as ``text.``.

    Raises:
        Refusal: there is something.
    """
    for name in given:
        if name not in known:
            raise invalid(
                f"Unknown parameter: '{place}{name}'.",
                param=f"{place}{name}",
                code="unknown_parameter",
            )
    for name, field in known.items():
        _check_field(given, name, field, param=f"{place}{name}")


def _check_field(given: Mapping[str, Any], name: str, field: Field, *, param: str) -> None:
    if name not in given:
        if field.is_required:
            raise invalid(
                f"Missing required parameter: '{param}'.",
                param=param,
                code="missing_required_parameter",
            )
        return
    # A bool is an int to Python, and none to JSON.
    if type(given[name]) is not field.type:
        wanted = _NAMES[field.type]
        raise invalid(
            f"Invalid type for '{param}': expected {wanted}.", param=param, code="invalid_type"
        )


def check_choice(given: Any, choices: Collection[str], *, param: str) -> None:
    """Refuse what is none of *choices*.

    Raises:
        Refusal: it is none.
    """
    if given not in choices:
        supported = ", ".join(f"'{one}'" for one in sorted(choices))
        raise invalid(f"Invalid value. Supported values are: {supported}.", param=param)
