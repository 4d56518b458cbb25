"""What a plugin says of itself in a file, so that nothing of it is imported to know that.

The file, ``clientflow.json``, lies in the plugin's package. ``clientflow plugin manifest`` writes
it from the code.
"""

import importlib.util
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import attrs

if TYPE_CHECKING:
    from importlib.metadata import Distribution

    from clientflow_core.providers.spec import AnySpec
    from clientflow_core.registry.discovery import Plugin

FILE_NAME: Final = "clientflow.json"
_FORMAT: Final = 1
_CORE: Final = "clientflow"


@attrs.frozen(kw_only=True)
class DescribedSetting:
    """A setting: its name in the environment, and whether the provider needs it."""

    env: str
    is_required: bool


@attrs.frozen(kw_only=True)
class DescribedProvider:
    """A provider, as far as a file can say; the fields are those of its spec.

    Attributes:
        sdks: the distributions of its SDK, each with the versions that fit, such as ``>=9.13``.
    """

    kind: str
    name: str
    title: str
    settings: tuple[DescribedSetting, ...] = ()
    capabilities: tuple[str, ...] = ()
    webhooks: tuple[str, ...] = ()
    sandbox: str | None = None
    requires: str | None = None
    sdk_modules: tuple[str, ...] = ()
    sdks: Mapping[str, str] = attrs.field(factory=dict)


@attrs.frozen(kw_only=True)
class DescribedCommand:
    """A command of the plugin's own; the fields are those of its spec."""

    name: str
    help: str
    target: str


@attrs.frozen(kw_only=True)
class Manifest:
    """What a plugin brings.

    Attributes:
        plugin: the name of its entry point.
        clientflow: the versions of ClientFlow that fit, such as ``>=0.1,<1``; None if the file
            leaves that to the metadata of the distribution.
        settings: those that the plugin has beside its providers', one group for each class.
        contributes: what it brings beside providers, such as ``routes``.
        routes: what its routes are called in the API's document.
    """

    plugin: str
    clientflow: str | None = None
    providers: tuple[DescribedProvider, ...] = ()
    settings: tuple[tuple[DescribedSetting, ...], ...] = ()
    contributes: tuple[str, ...] = ()
    routes: tuple[str, ...] = ()
    commands: tuple[DescribedCommand, ...] = ()

    def state(self) -> dict[str, Any]:
        """Give it as JSON."""
        return {"format": _FORMAT, **attrs.asdict(self)}


def read_manifest(text: str | bytes) -> Manifest:
    """Read the text of a manifest.

    Raises:
        ValueError: it is none, or one that a later ClientFlow has written.
    """
    try:
        state = json.loads(text)
        if state["format"] != _FORMAT:
            msg = f"it is of the format {state['format']}, and {_FORMAT} is known"
            raise ValueError(msg)
        return manifest_from(state)
    except (KeyError, TypeError, AttributeError) as error:
        msg = f"it is no manifest: {error!r}"
        raise ValueError(msg) from error


def manifest_from(state: Mapping[str, Any]) -> Manifest:
    """Read what :meth:`Manifest.state` gives.

    Raises:
        KeyError, TypeError, AttributeError: *state* is something else.
    """
    return Manifest(
        plugin=_text(state["plugin"]),
        clientflow=_optional(state["clientflow"]),
        providers=tuple(_provider_from(one) for one in state["providers"]),
        settings=tuple(_settings_from(group) for group in state["settings"]),
        contributes=_texts(state["contributes"]),
        routes=_texts(state["routes"]),
        commands=tuple(
            DescribedCommand(**{name: _text(one[name]) for name in ("name", "help", "target")})
            for one in state["commands"]
        ),
    )


def _provider_from(state: Mapping[str, Any]) -> DescribedProvider:
    return DescribedProvider(
        kind=_text(state["kind"]),
        name=_text(state["name"]),
        title=_text(state["title"]),
        settings=_settings_from(state["settings"]),
        capabilities=_texts(state["capabilities"]),
        webhooks=_texts(state["webhooks"]),
        sandbox=_optional(state["sandbox"]),
        requires=_optional(state["requires"]),
        sdk_modules=_texts(state["sdk_modules"]),
        sdks={_text(name): _text(versions) for name, versions in state["sdks"].items()},
    )


def _settings_from(states: Any) -> tuple[DescribedSetting, ...]:
    return tuple(
        DescribedSetting(env=_text(one["env"]), is_required=bool(one["is_required"]))
        for one in states
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        msg = f"{value!r} is no text"
        raise TypeError(msg)
    return value


def _optional(value: object) -> str | None:
    return None if value is None else _text(value)


def _texts(values: Any) -> tuple[str, ...]:
    return tuple(_text(value) for value in values)


def write_manifest(manifest: Manifest) -> str:
    """Write the text of *manifest*."""
    return json.dumps(manifest.state(), indent=2, ensure_ascii=False) + "\n"


def manifest_of(plugin: "Plugin", distribution: "Distribution | None") -> Manifest:
    """Describe *plugin* as its code is, and its versions as *distribution* says.

    Args:
        plugin: loaded.
        distribution: which brings it.
    """
    more = plugin.contributions
    return Manifest(
        plugin=plugin.name,
        clientflow=core_versions(distribution),
        providers=tuple(describe_provider(spec, distribution) for spec in plugin.specs),
        settings=tuple(_describe_settings(one) for one in more.settings),
        contributes=tuple(
            field.name for field in attrs.fields(type(more)) if getattr(more, field.name)
        ),
        routes=plugin.operation_names,
        commands=tuple(
            DescribedCommand(name=one.name, help=one.help, target=one.target)
            for one in more.commands
        ),
    )


def describe_provider(spec: "AnySpec", distribution: "Distribution | None") -> DescribedProvider:
    """Describe the provider *spec*, of a plugin that *distribution* brings."""
    return DescribedProvider(
        kind=spec.kind.value,
        name=spec.name,
        title=spec.title,
        settings=_describe_settings(spec.settings),
        capabilities=tuple(sorted(capability.value for capability in spec.capabilities)),
        webhooks=tuple(webhook.name for webhook in spec.webhooks),
        sandbox=spec.sandbox,
        requires=spec.requires,
        sdk_modules=spec.sdk_modules,
        sdks=dict(sorted(_sdk_versions(spec, distribution))),
    )


def _describe_settings(settings_class: type) -> tuple[DescribedSetting, ...]:
    from clientflow_core.settings import setting_fields  # noqa: PLC0415 - not to read a manifest

    return tuple(
        DescribedSetting(env=field.setting.env, is_required=field.is_required)
        for field in setting_fields(settings_class)
    )


def agrees(manifest: Manifest, plugin: "Plugin") -> bool:
    """Tell whether *manifest* is what the code of *plugin* says; versions are in no code."""
    without = attrs.evolve(
        manifest,
        clientflow=None,
        providers=tuple(attrs.evolve(one, sdks={}) for one in manifest.providers),
    )
    return without == manifest_of(plugin, None)


def core_versions(distribution: "Distribution | None") -> str | None:
    """Give the versions of ClientFlow that *distribution* asks for; None if it asks for none."""
    # Our own asks for itself, to bring other extras.
    if distribution is None or _is_core(distribution.name):
        return None
    asked = (versions for name, versions in _required(distribution, extra=None) if _is_core(name))
    return next(asked, None)


def _sdk_versions(
    spec: "AnySpec", distribution: "Distribution | None"
) -> Iterator[tuple[str, str]]:
    """Give what brings the SDK: that of the spec's extra, or else all that is needed."""
    if distribution is None or not spec.sdk_modules:
        return
    for name, versions in _required(distribution, extra=spec.requires):
        if not _is_core(name):
            yield name, versions


def _required(distribution: "Distribution", *, extra: str | None) -> Iterator[tuple[str, str]]:
    """Give what *distribution* requires here, with the versions; with *extra*, only for that."""
    lines = distribution.requires or ()
    if not lines:
        return
    from packaging.requirements import Requirement  # noqa: PLC0415 - takes as long as all else

    for line in lines:
        requirement = Requirement(line)
        marker = requirement.marker
        is_always = marker is None or marker.evaluate({"extra": ""})
        is_for_extra = (
            marker is not None and not is_always and marker.evaluate({"extra": extra or ""})
        )
        if is_for_extra if extra else is_always:
            yield requirement.name, str(requirement.specifier)


def _is_core(name: str) -> bool:
    return name.lower() == _CORE


def manifest_paths(module: str) -> list[Path]:
    """Give where the manifest of the plugin in *module* may lie, the likeliest first.

    Nothing of the plugin is imported: where its outermost package lies is looked up.
    """
    top, *rest = module.split(".")
    try:
        found = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return []
    roots = (found.submodule_search_locations if found else None) or ()
    depths = range(len(rest), -1, -1)
    return [Path(root, *rest[:depth], FILE_NAME) for root in roots for depth in depths]
