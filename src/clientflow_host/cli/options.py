"""Options that many commands share, and what they lead to."""

from pathlib import Path
from typing import Annotated, TypeAlias

from cyclopts import Parameter, validators

from clientflow_core.errors import SettingProblem, SettingsError
from clientflow_core.registry.plugin_folder import PLUGINS_DIR_ENV
from clientflow_host.settings import (
    STATE_DIR_ENV,
    HostSettings,
    default_state_folder,
    load_host_settings,
    read_values,
)
from clientflow_host.state import UpNote, read_up_note

StateDir: TypeAlias = Annotated[
    Path | None,
    Parameter(help="The folder for state; also CLIENTFLOW_STATE_DIR.", show_default=False),
]
PluginsDir: TypeAlias = Annotated[
    Path | None,
    Parameter(
        help="A folder whose *.py are plugins too; also CLIENTFLOW_PLUGINS_DIR.",
        show_default=False,
    ),
]
AsJson: TypeAlias = Annotated[
    bool, Parameter(name="--json", help="Print JSON.", negative=(), show_default=False)
]

Most: TypeAlias = Annotated[
    int,
    Parameter(
        name="--limit",
        help="How many at the most.",
        validator=validators.Number(gte=1, lte=10_000),
    ),
]


def read_all(state_dir: Path | None, *, plugins_dir: Path | None = None) -> dict[str, str]:
    """Read every setting; the folders from the command line win over the environment's.

    Raises:
        SettingsError: a file of settings cannot be read.
    """
    folders = {STATE_DIR_ENV: state_dir, PLUGINS_DIR_ENV: plugins_dir}
    given = {name: str(folder.absolute()) for name, folder in folders.items() if folder}
    return read_values() | given


def state_folder(values: dict[str, str]) -> Path:
    """Tell which folder for state *values* name."""
    named = values.get(STATE_DIR_ENV)
    return Path(named) if named else default_state_folder()


def running_up(values: dict[str, str]) -> UpNote | None:
    """Give what a running `up` has left in the state folder, if one runs there.

    Raises:
        StateFolderUnusable: its note cannot be read.
    """
    return read_up_note(state_folder(values))


def with_database(values: dict[str, str]) -> dict[str, str]:
    """Add the database of a running `up` where *values* name none.

    Raises:
        StateFolderUnusable: its note cannot be read.
    """
    note = None if values.get("DATABASE_URL") else running_up(values)
    return values | {"DATABASE_URL": note.database_url} if note else values


def settings_with_database(values: dict[str, str]) -> HostSettings:
    """Load the host's settings with a database in them: that which is set, or that of `up`.

    Raises:
        SettingsError: there is neither, or other settings are not usable.
    """
    settings = load_host_settings(with_database(values))
    if settings.database_url is None:
        hint = f"or start `clientflow up` first; none runs on {state_folder(values)}"
        raise SettingsError([SettingProblem("DATABASE_URL", "is not set", hint)])
    return settings
