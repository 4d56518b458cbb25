"""Settings: attrs classes whose fields name their environment variable.

The same fields give the loading, the error messages, the environment template and the settings
page of the documentation. Values come from the environment, then ``.env``, then a folder with one
file a secret (as Docker and Kubernetes mount them); an empty value counts as not set.

cattrs converts. (typed-settings was tried and left: its errors name the attribute instead of the
variable, and repeat the value that was wrong.)
"""

import enum
import io
import math
import re
import types
import typing
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar, runtime_checkable

import attrs
import cattrs
from dotenv.parser import parse_stream

from clientflow_core.errors import SettingProblem, SettingsError
from clientflow_core.secret import Secret

_KEY: Final = "clientflow.setting"
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_DOTENV_HINT: Final = "a value that begins with a quote must end with it"
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
        per_organization: whether an organization may set it for itself.
    """

    env: str
    help: str
    pattern: str | None = None
    example: str | None = None
    console_url: str | None = None
    per_organization: bool = False


def setting(  # noqa: PLR0913 - each is a word of the declaration
    *,
    env: str,
    help: str,  # noqa: A002 - the word that people look for
    default: Any = attrs.NOTHING,
    pattern: str | None = None,
    example: str | None = None,
    console_url: str | None = None,
    per_organization: bool = False,
) -> Any:
    """Declare a field of a settings class; without *default* it must be set.

    With *per_organization* an organization may set it for itself. Do not say so of an address that
    is called: an organization could have the service call whatever it likes.
    """
    meta = Setting(
        env=env,
        help=help,
        pattern=pattern,
        example=example,
        console_url=console_url,
        per_organization=per_organization,
    )
    return attrs.field(default=default, kw_only=True, metadata={_KEY: meta})


@attrs.frozen
class SettingField:
    """One field of a settings class, resolved; *name* is its argument's."""

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
        secrets_folder: a folder with one file a setting, named as the variable; one that is not
            there is no error, and files whose names cannot be a variable's are left alone.

    Raises:
        SettingsError: a file cannot be read; the message names it, never what it holds.
    """
    problems: list[SettingProblem] = []
    values = _read_folder(secrets_folder, problems) if secrets_folder else {}
    values |= _read_dotenv(dotenv, problems) if dotenv else {}
    if problems:
        raise SettingsError(problems)
    return values | {name: value for name, value in environ.items() if value}


def _read_folder(folder: Path, problems: list[SettingProblem]) -> dict[str, str]:
    try:
        paths = [path for path in sorted(folder.iterdir()) if _VARIABLE.fullmatch(path.name)]
        files = [path for path in paths if not path.is_dir()]
    except FileNotFoundError:
        return {}
    except OSError as error:
        problems.append(_unreadable(folder, error))
        return {}
    texts = {path.name: _read_text(path, problems).strip() for path in files}
    return {name: text for name, text in texts.items() if text}


def _read_dotenv(file: Path, problems: list[SettingProblem]) -> dict[str, str]:
    # Taken as written: a "$" in a password is a dollar sign.
    bindings = list(parse_stream(io.StringIO(_read_text(file, problems))))
    problems.extend(
        SettingProblem(str(file), f"line {binding.original.line} is not NAME=value", _DOTENV_HINT)
        for binding in bindings
        if binding.error
    )
    last = {binding.key: binding.value for binding in bindings}
    return {name: value for name, value in last.items() if name and value}


def _read_text(file: Path, problems: list[SettingProblem]) -> str:
    try:
        # Some editors put a mark before the text, which is no part of the first name or value.
        return file.read_text("utf-8-sig")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeError) as error:
        problems.append(_unreadable(file, error))
        return ""


def _unreadable(path: Path, error: OSError | UnicodeError) -> SettingProblem:
    if isinstance(error, UnicodeError):
        return SettingProblem(str(path), "is not UTF-8 text", "save it as UTF-8, or take it away")
    hint = "let the user of this process read it, or take it away"
    return SettingProblem(str(path), f"cannot be read: {error.strerror}", hint)


def setting_fields(settings_class: type) -> tuple[SettingField, ...]:
    """List the settings that *settings_class* declares, in the order of its fields."""
    attrs.resolve_types(settings_class)
    return tuple(
        SettingField(field.alias or field.name, field.type, field.default, field.metadata[_KEY])
        for field in attrs.fields(settings_class)
        if _KEY in field.metadata
    )


def completeness(settings_class: type, values: Mapping[str, str]) -> Completeness:
    """Tell whether the required settings of *settings_class* are set: none, some, or all."""
    fields = setting_fields(settings_class)
    return completeness_of([(f.setting.env, f.is_required) for f in fields], values)


def completeness_of(
    settings: Sequence[tuple[str, bool]], values: Mapping[str, str]
) -> Completeness:
    """Tell the same of *settings*, each by its name and whether it is required."""
    if all(values.get(env) for env, is_required in settings if is_required):
        return Completeness.COMPLETE
    is_begun = any(values.get(env) for env, _ in settings)
    return Completeness.HALF if is_begun else Completeness.NONE


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
        # Two classes may ask for the same variable.
        raise SettingsError(list(dict.fromkeys(problems)))
    return loaded


def _convert_into(arguments: dict[str, Any], field: SettingField, text: str) -> str | None:
    kind = _without_none(field.type)
    pattern = field.setting.pattern
    if pattern and not re.fullmatch(pattern, text):
        return f"does not look right: it must match {pattern}"
    try:
        arguments[field.name] = _converter.structure(text, kind)
    except Exception:  # noqa: BLE001 - whatever a conversion raises may hold the value
        return f"is not {_describe(kind)}"
    return None


def _without_none(annotation: Any) -> Any:
    if typing.get_origin(annotation) not in (types.UnionType, typing.Union):
        return annotation
    kinds = [arg for arg in typing.get_args(annotation) if arg is not types.NoneType]
    if len(kinds) > 1:
        msg = f"a setting is of one type, or of one type and None, not of {annotation}"
        raise TypeError(msg)
    return kinds[0]


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


def _float(text: str, _: type) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError
    return number


_converter = cattrs.Converter()
_converter.register_structure_hook(bool, _bool)
_converter.register_structure_hook(float, _float)
_converter.register_structure_hook(Secret, lambda text, _: Secret(text))
_converter.register_structure_hook(Path, lambda text, _: Path(text).expanduser())
# By a function, since cattrs refuses to register a generic alias as a class.
_converter.register_structure_hook_func(
    lambda kind: kind == tuple[str, ...],
    lambda text, _: tuple(part.strip() for part in text.split(",") if part.strip()),
)
