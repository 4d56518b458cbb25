"""Settings: attrs classes whose fields name their environment variable.

The same fields give the loading, the error messages, the environment template and the settings
page of the documentation. Values come from the environment, then ``.env``, then a folder with one
file a secret (as Docker and Kubernetes mount them); an empty value counts as not set.

cattrs converts. (typed-settings was tried and left: its errors name the attribute instead of the
variable, and repeat the value that was wrong.)
"""

import enum
import re
import types
import typing
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar, runtime_checkable

import attrs
import cattrs
from dotenv import dotenv_values

from clientflow_core.errors import SettingProblem, SettingsError
from clientflow_core.secret import Secret

_KEY: Final = "clientflow.setting"
S = TypeVar("S")


@attrs.frozen(kw_only=True)
class Setting:
    """What is known of one setting besides its type and default.

    Attributes:
        env: the environment variable that holds it.
        help: one line for the operator.
        pattern: a regular expression that the whole value matches.
        example: a value that would do; never a real one.
        console_url: where in the provider's console it is found.
    """

    env: str
    help: str
    pattern: str | None = None
    example: str | None = None
    console_url: str | None = None


def setting(
    *,
    env: str,
    help: str,  # noqa: A002 - the word that people look for
    default: Any = attrs.NOTHING,
    pattern: str | None = None,
    example: str | None = None,
    console_url: str | None = None,
) -> Any:
    """Declare a field of a settings class; without *default* it must be set."""
    meta = Setting(env=env, help=help, pattern=pattern, example=example, console_url=console_url)
    return attrs.field(default=default, kw_only=True, metadata={_KEY: meta})


@attrs.frozen
class SettingField:
    """One field of a settings class, resolved."""

    name: str
    type: Any
    default: Any
    setting: Setting

    @property
    def is_required(self) -> bool:
        """Whether there is no default."""
        return self.default is attrs.NOTHING

    @property
    def is_secret(self) -> bool:
        """Whether its value is a :class:`Secret`."""
        return Secret in (self.type, *typing.get_args(self.type))


@runtime_checkable
class ChecksItself(Protocol):
    """A settings class whose values must also agree with each other."""

    def check(self) -> Iterable[SettingProblem]:
        """Give one problem for each rule that the values break together."""
        ...


class Completeness(enum.Enum):
    """How much of a settings class is set."""

    NONE = "none"
    HALF = "half"
    COMPLETE = "complete"


def read_sources(
    environ: Mapping[str, str],
    *,
    dotenv: Path | None = None,
    secrets_folder: Path | None = None,
) -> dict[str, str]:
    """Merge the places that settings come from; the environment wins, then ``.env``.

    Args:
        environ: the process's environment.
        dotenv: a ``.env`` file; one that is not there is no error.
        secrets_folder: a folder with one file a setting, named as the variable.
    """
    values: dict[str, str] = {}
    if secrets_folder and secrets_folder.is_dir():
        files = [path for path in secrets_folder.iterdir() if path.is_file()]
        values |= {path.name: path.read_text("utf-8").strip() for path in files}
    if dotenv and dotenv.is_file():
        # Taken as written: a "$" in a password is a dollar sign.
        values |= {k: v for k, v in dotenv_values(dotenv, interpolate=False).items() if v}
    return values | {name: value for name, value in environ.items() if value}


def setting_fields(settings_class: type) -> tuple[SettingField, ...]:
    """List the settings that *settings_class* declares, in the order of its fields."""
    attrs.resolve_types(settings_class)
    return tuple(
        SettingField(field.name, field.type, field.default, field.metadata[_KEY])
        for field in attrs.fields(settings_class)
        if _KEY in field.metadata
    )


def completeness(settings_class: type, values: Mapping[str, str]) -> Completeness:
    """Tell whether the required settings of *settings_class* are set: none, some, or all."""
    fields = setting_fields(settings_class)
    missing = [f for f in fields if f.is_required and not values.get(f.setting.env)]
    if not missing:
        return Completeness.COMPLETE
    return Completeness.HALF if any(values.get(f.setting.env) for f in fields) else Completeness.NONE


def load_settings(settings_class: type[S], values: Mapping[str, str]) -> S:
    """Build *settings_class* from *values*.

    Raises:
        SettingsError: with every setting that is missing or malformed, never with its value.
    """
    problems: list[SettingProblem] = []
    arguments: dict[str, Any] = {}
    for field in setting_fields(settings_class):
        text = values.get(field.setting.env)
        if text:
            problem = _convert_into(arguments, field, text)
        else:
            problem = "is not set" if field.is_required else None
        if problem:
            problems.append(SettingProblem(field.setting.env, problem, _hint(field.setting)))
    if problems:
        raise SettingsError(problems)
    loaded = settings_class(**arguments)
    if isinstance(loaded, ChecksItself):
        problems = list(loaded.check())
    if problems:
        raise SettingsError(problems)
    return loaded


def load_all(wanted: Iterable[type], values: Mapping[str, str]) -> dict[type, Any]:
    """Build several settings classes and report the problems of all of them together.

    Raises:
        SettingsError: with the problems of every class.
    """
    loaded: dict[type, Any] = {}
    problems: list[SettingProblem] = []
    for settings_class in wanted:
        try:
            loaded[settings_class] = load_settings(settings_class, values)
        except SettingsError as error:
            problems.extend(error.problems)
    if problems:
        raise SettingsError(problems)
    return loaded


def _convert_into(arguments: dict[str, Any], field: SettingField, text: str) -> str | None:
    pattern = field.setting.pattern
    if pattern and not re.fullmatch(pattern, text):
        return f"does not look right: it must match {pattern}"
    try:
        arguments[field.name] = _converter.structure(text, _without_none(field.type))
    except Exception:  # noqa: BLE001 - whatever a conversion raises may hold the value
        return f"is not {_describe(_without_none(field.type))}"
    return None


def _without_none(annotation: Any) -> Any:
    if not isinstance(annotation, types.UnionType):
        return annotation
    (only,) = (arg for arg in typing.get_args(annotation) if arg is not types.NoneType)
    return only


def _describe(annotation: Any) -> str:
    if isinstance(annotation, type) and issubclass(annotation, enum.Enum):
        return "one of " + ", ".join(str(member.value) for member in annotation)
    words = {int: "a whole number", float: "a number", bool: "yes or no (true, false, 1, 0)"}
    return words.get(annotation, "readable")


def _hint(setting: Setting) -> str:
    parts = [setting.help]
    if setting.example:
        parts.append(f"for example {setting.example}")
    if setting.console_url:
        parts.append(f"see {setting.console_url}")
    return "; ".join(parts)


def _bool(text: str, _: type) -> bool:
    return {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}[
        text.strip().lower()
    ]


_converter = cattrs.Converter()
_converter.register_structure_hook(bool, _bool)
_converter.register_structure_hook(Secret, lambda text, _: Secret(text))
_converter.register_structure_hook(Path, lambda text, _: Path(text).expanduser())
_converter.register_structure_hook(
    tuple[str, ...], lambda text, _: tuple(part.strip() for part in text.split(",") if part.strip())
)
