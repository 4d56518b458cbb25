"""The settings page of the documentation and ``.env.example``, written from the settings classes.

``python -m clientflow_host.settings_pages`` writes both anew, in a checkout; a test fails while
they are out of date.
"""

import sys
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

import attrs

from clientflow_core.providers.spec import AnySpec
from clientflow_core.registry.discovery import Plugin
from clientflow_core.registry.finding import find_plugins
from clientflow_core.settings import Setting, SettingField, setting_fields
from clientflow_host.edge_settings import EdgeSettings
from clientflow_host.repository_settings import RepositorySettings
from clientflow_host.retention_settings import RetentionSettings
from clientflow_host.settings import SECRETS_DIR_ENV, HostSettings
from clientflow_host.site_settings import SiteSettings
from clientflow_host.smoke_settings import SmokeSettings

COMMAND: Final = "python -m clientflow_host.settings_pages"
_LINE: Final = 96
_OWN_DISTRIBUTION: Final = "clientflow"
# Of these the example stands in the template.
_NOTHING: Final = (None, attrs.NOTHING, ())
_COLUMNS: Final = ("name", "what it is", "default", "example", "secret", "where to find it")
_NOTE: Final = f"Written by `{COMMAND}`; change the settings classes instead."
_INTRODUCTION: Final = f"""\
# Settings

<!-- {_NOTE} -->

Settings come from the environment; then from a file `.env` in the folder where a command is
started; then from a folder with one file a setting, named as the setting, as Docker and Kubernetes
mount their secrets: `/run/secrets`, or the folder that `{SECRETS_DIR_ENV}` names in the
environment. The first that has a setting wins, and an empty value counts as not set. What is
missing or malformed refuses the start, all of it at once and by its name; values are never
repeated.

`clientflow up` needs none of them. [`.env.example`](../.env.example) is a template."""
_TEMPLATE_HEAD: Final = f"""\
# The settings of ClientFlow. Copy this to .env, and take the # from those that you set.
# {_NOTE}"""


@attrs.frozen(kw_only=True)
class Group:
    """The settings of one class, under one heading."""

    title: str
    introduction: str
    fields: tuple[SettingField, ...]


def own_groups() -> Iterator[Group]:
    """Give the settings of the service, then those of each plugin that comes with it."""
    yield Group(
        title="The service",
        introduction="Read by `serve`, `worker`, `sandbox` and `up`.",
        fields=setting_fields(HostSettings),
    )
    yield Group(
        title="The pages that the public sees",
        introduction=(
            "Read by `serve`. [What the public sees](public.md) tells what becomes of them."
            " What is named `NEXT_PUBLIC_…` everybody can read."
        ),
        fields=setting_fields(SiteSettings),
    )
    yield Group(
        title="What is let in from outside",
        introduction="Read by `serve`. [The edge](edge.md) tells what becomes of them.",
        fields=setting_fields(EdgeSettings),
    )
    yield Group(
        title="The smoke test",
        introduction="Read by `smoke` alone, for a service that `up` does not run.",
        fields=setting_fields(SmokeSettings),
    )
    yield Group(
        title="How long things are kept",
        introduction="Read by `worker`. [Watching it](monitoring.md) tells what becomes of them.",
        fields=setting_fields(RetentionSettings),
    )
    yield Group(
        title="Where the code comes from",
        introduction="Read by `checklist` alone, for CG1, CS1 and CS5.",
        fields=setting_fields(RepositorySettings),
    )
    for plugin in find_plugins().plugins:
        if plugin.distribution == _OWN_DISTRIBUTION:
            yield from plugin_groups(plugin)


def plugin_groups(plugin: Plugin) -> Iterator[Group]:
    """Give the settings of each provider of *plugin*, then its own."""
    for spec in plugin.specs:
        yield Group(
            title=spec.title,
            introduction=(
                f"Of the plugin `{plugin.name}`. Set those without a default to enable it;"
                f" with none of them set, `up` runs it on {_place(spec)}."
            ),
            fields=setting_fields(spec.settings),
        )
    for settings_class in plugin.contributions.settings:
        yield Group(
            title=f"{plugin.name}: {settings_class.__name__}",
            introduction=f"Of the plugin `{plugin.name}`, beside those of its providers.",
            fields=setting_fields(settings_class),
        )


def _place(spec: AnySpec) -> str:
    return "this machine alone" if spec.is_local else "its sandbox"


def pages() -> Mapping[str, str]:
    """Give each page by its path in the checkout."""
    groups = tuple(own_groups())
    return {"docs/settings.md": settings_page(groups), ".env.example": environment(groups)}


def settings_page(groups: Iterable[Group]) -> str:
    """Write the page of the documentation, in Markdown."""
    parts = [_INTRODUCTION]
    for group in groups:
        rows = [_row(_COLUMNS), _row("---" for _ in _COLUMNS)]
        rows += [_row(_cells(field)) for field in group.fields]
        parts.append(f"## {group.title}\n\n{group.introduction}\n\n" + "\n".join(rows))
    return "\n\n".join(parts) + "\n"


def environment(groups: Iterable[Group]) -> str:
    """Write the template of ``.env``, with every setting taken out by a comment mark."""
    parts = [_TEMPLATE_HEAD]
    for group in groups:
        parts.append(f"# ----- {group.title} -----")
        parts += [_entry(field) for field in group.fields]
    return "\n\n".join(parts) + "\n"


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _cells(field: SettingField) -> Iterator[str]:
    setting = field.setting
    yield f"`{setting.env}`"
    yield _escaped(setting.help)
    yield _default(field) or "none"
    yield f"`{_escaped(setting.example)}`" if setting.example else ""
    yield "yes" if field.is_secret else ""
    yield f"<{setting.console_url}>" if setting.console_url else ""


def _default(field: SettingField) -> str:
    if field.is_required:
        return "must be set"
    return "" if field.default in (None, ()) else f"`{_escaped(str(field.default))}`"


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")


def _entry(field: SettingField) -> str:
    setting = field.setting
    marks = [
        "Must be set for the plugin." if field.is_required else "",
        "Secret." if field.is_secret else "",
        f"See {setting.console_url}" if setting.console_url else "",
    ]
    lines = [*textwrap.wrap(_sentence(setting), _LINE), *filter(None, marks)]
    value = setting.example or "" if field.default in _NOTHING else field.default
    return "\n".join([*(f"# {line}" for line in lines), f"#{setting.env}={value}"])


def _sentence(setting: Setting) -> str:
    return setting.help[0].upper() + setting.help[1:] + "."


def main(root: Path) -> None:
    """Write every page anew below the checkout *root*."""
    if not (root / "docs").is_dir():
        sys.exit(f"{root} is no checkout of ClientFlow: run this in one")
    for path, text in pages().items():
        (root / path).write_text(text, "utf-8")


if __name__ == "__main__":
    main(Path.cwd())
