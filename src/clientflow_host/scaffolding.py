"""Writes the package of a new plugin from the templates in ``scaffold/``.

There is a folder for each kind of provider, and one for what all kinds have in common; a file of
the kind goes before one of the same path that is common. Each template's path is that of the file
it becomes; ``__package__`` stands for the name of the Python package, and ``dot-`` for the dot of a
name that begins with one.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import Final

import attrs
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from clientflow_core.errors import ClientFlowError
from clientflow_core.hookspecs import ENTRY_POINT_GROUP
from clientflow_core.providers.spec import ProviderKind

_TEMPLATES: Final = Path(__file__).with_name("scaffold")
_COMMON: Final = "common"
_SUFFIX: Final = ".jinja"
_NAME: Final = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
# So that no import is longer than a line.
_LONGEST_NAME: Final = 28
# clientflow_core and its like are ours, and the settings of "clientflow" are the host's.
_OURS: Final = frozenset({"clientflow", "core", "host", "plugins"})
# A word this short is nearly always an abbreviation, such as SMS.
_SHORT: Final = 3


class ScaffoldRefused(ClientFlowError):
    """A new plugin cannot be written: its name is none, or taken, or its folder is not empty."""

    code = "scaffold_refused"
    remedy = "Choose another name or folder, as it says."


@attrs.frozen
class PluginName:
    """One name in each form that it takes.

    Attributes:
        dashed: as it is typed, such as ``acme-sms``.
    """

    dashed: str

    @property
    def name(self) -> str:
        """The provider's name, such as ``acme_sms``."""
        return self.dashed.replace("-", "_")

    @property
    def distribution(self) -> str:
        """What ``pip`` calls it; begins so that it is never the name of the provider's SDK."""
        return f"clientflow-{self.dashed}"

    @property
    def words(self) -> Sequence[str]:
        """What it is made of."""
        return self.dashed.split("-")

    def forms(self) -> Mapping[str, str]:
        """Give what the templates call each form."""
        title = (w.upper() if len(w) <= _SHORT else w.capitalize() for w in self.words)
        return {
            "dashed": self.dashed,
            "name": self.name,
            "env": self.name.upper(),
            "class": "".join(word.capitalize() for word in self.words),
            "title": " ".join(title),
            "distribution": self.distribution,
            "package": self.distribution.replace("-", "_"),
        }


def scaffolded_kinds() -> tuple[ProviderKind, ...]:
    """Give the kinds of provider that there are templates for."""
    return tuple(kind for kind in ProviderKind if (_TEMPLATES / kind).is_dir())


def read_plugin_name(text: str) -> PluginName:
    """Read the name of a new plugin; underscores are taken for hyphens.

    Raises:
        ScaffoldRefused: it is none, is one of ours, or that of an installed plugin.
    """
    dashed = text.replace("_", "-")
    if not _NAME.fullmatch(dashed) or len(dashed) > _LONGEST_NAME:
        msg = (
            f"{text!r} is no name for a plugin: it has small letters, digits and hyphens, begins"
            f" with a letter, and has {_LONGEST_NAME} characters at most, such as acme-sms"
        )
        raise ScaffoldRefused(msg)
    name = PluginName(dashed)
    if dashed in _OURS:
        msg = f"{text!r} is a name that ClientFlow itself uses; call the plugin after its provider"
        raise ScaffoldRefused(msg)
    for point in entry_points(group=ENTRY_POINT_GROUP):
        if point.name == name.name:
            whose = f" by {point.dist.name} {point.dist.version}" if point.dist else ""
            msg = f"a plugin named {point.name!r} is installed already{whose}; choose another name"
            raise ScaffoldRefused(msg)
    return name


def write_plugin(name: PluginName, kind: str, *, into: Path) -> list[Path]:
    """Write the package of a new plugin; give its files, relative to *into*.

    Args:
        name: the plugin's.
        kind: one of :func:`scaffolded_kinds`.
        into: a folder that is not there yet, or is empty.

    Raises:
        ScaffoldRefused: *into* cannot be used.
    """
    files = render_plugin(name, kind)
    try:
        into.mkdir(parents=True, exist_ok=True)
        if any(into.iterdir()):
            msg = f"{into} is not empty; name another folder by --into, or empty it"
            raise ScaffoldRefused(msg)
        for path, text in files.items():
            (into / path).parent.mkdir(parents=True, exist_ok=True)
            (into / path).write_text(text, "utf-8")
    except OSError as error:
        what = "it is a file" if isinstance(error, FileExistsError) else error.strerror
        msg = f"{into} cannot be written to: {what}; name another folder by --into"
        raise ScaffoldRefused(msg) from error
    return list(files)


def render_plugin(name: PluginName, kind: str) -> dict[Path, str]:
    """Give the text of each file of a new plugin, by its path."""
    folders, forms = (_TEMPLATES / kind, _TEMPLATES / _COMMON), {**name.forms(), "kind": kind}
    environment = Environment(
        loader=FileSystemLoader(folders),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - no HTML
    )
    paths = sorted({path for folder in folders for path in _templates(folder)})
    return {
        _target(path, forms): environment.get_template(path.as_posix()).render(forms)
        for path in paths
    }


def _templates(folder: Path) -> Iterator[Path]:
    for file in folder.rglob("*"):
        if file.is_file():
            yield file.relative_to(folder)


def _target(path: Path, forms: Mapping[str, str]) -> Path:
    text = path.as_posix().removesuffix(_SUFFIX).replace("__package__", forms["package"])
    return Path(re.sub(r"(^|/)dot-", r"\1.", text))
