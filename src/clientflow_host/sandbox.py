"""The stand-ins of the providers, in a process of their own."""

import importlib
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from clientflow_core.errors import PluginError
from clientflow_core.providers.spec import AnySpec
from clientflow_core.registry.discovery import Plugin
from clientflow_core.registry.finding import Wanted, find_plugins
from clientflow_core.sandbox import ProviderSandbox, build_sandbox_app
from clientflow_host.sandbox_console.console import add_console
from clientflow_host.serving import listening, wait_for_stop
from clientflow_host.settings import HostSettings, local_url
from clientflow_host.state import StateFolder

_CREDENTIALS: Final = "sandbox.json"


def sandboxed_specs(plugins: Iterable[Plugin]) -> list[AnySpec]:
    """Give the providers of *plugins* for which there is a stand-in."""
    return [spec for plugin in plugins for spec in plugin.specs if spec.sandbox]


def build_sandboxes(
    specs: Sequence[AnySpec], folder: StateFolder, *, sandbox_url: str, host_url: str
) -> list[ProviderSandbox]:
    """Make the stand-in of each of *specs*, with credentials that are made once and kept.

    Args:
        specs: each with a sandbox.
        folder: keeps the credentials.
        sandbox_url: where the stand-ins will be served, without a slash at the end.
        host_url: where they send their webhooks.

    Raises:
        PluginError: a plugin's sandbox cannot be imported.
    """
    kept = folder.read_json(_CREDENTIALS) or {}
    made: list[ProviderSandbox] = []
    for spec in specs:
        sandbox_class = _load(spec)
        # Those that are kept win, and what a later release has come to need is added to them.
        known = kept.get(spec.name)
        credentials = sandbox_class.new_credentials() | (known if isinstance(known, dict) else {})
        kept[spec.name] = credentials
        made.append(
            sandbox_class(
                base_url=f"{sandbox_url}/{spec.name}", host_url=host_url, credentials=credentials
            )
        )
    folder.write_json(_CREDENTIALS, kept)
    return made


def sandbox_settings(sandboxes: Iterable[ProviderSandbox]) -> dict[str, str]:
    """Give the environment that makes the real plugins use *sandboxes*."""
    return {env: value for box in sandboxes for env, value in box.settings().items()}


async def run_sandbox(
    settings: HostSettings, *, names: Sequence[str], announce: Callable[[dict[str, str]], None]
) -> None:
    """Serve stand-ins until the process is told to stop.

    Args:
        settings: say where to listen, and where webhooks go.
        names: of the providers; empty for all that have a stand-in.
        announce: is told the settings that lead to them.

    Raises:
        PluginError: a provider has no stand-in, or it cannot be imported.
        PortTaken: something else listens at the port.
    """
    found = find_plugins(Wanted(folder=settings.plugins_dir)).plugins
    boxes = build_sandboxes(
        _choose(sandboxed_specs(found), names),
        StateFolder.open(settings.state_folder),
        sandbox_url=local_url(settings.host, settings.sandbox_port),
        host_url=settings.url,
    )
    app = build_sandbox_app(boxes)
    add_console(app, boxes, host_url=settings.url)
    async with listening(
        app,
        host=settings.host,
        port=settings.sandbox_port,
        port_env="CLIENTFLOW_SANDBOX_PORT",
        # It may be silent on purpose, and whoever calls it is used to failures.
        notice_seconds=0,
        grace_seconds=0,
    ):
        announce(sandbox_settings(boxes))
        await wait_for_stop()


def _choose(specs: Sequence[AnySpec], names: Sequence[str]) -> Sequence[AnySpec]:
    known = {spec.name: spec for spec in specs}
    unknown = [name for name in names if name not in known]
    if unknown:
        msg = f"there is no sandbox of {', '.join(unknown)}; there is: {', '.join(known) or 'none'}"
        raise PluginError(msg)
    return [known[name] for name in names] if names else specs


def _load(spec: AnySpec) -> type[ProviderSandbox]:
    module, _, name = (spec.sandbox or "").partition(":")
    try:
        loaded = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        msg = f"the sandbox of {spec.name}, {spec.sandbox}, cannot be imported: {error}"
        raise PluginError(msg) from error
    if not (isinstance(loaded, type) and issubclass(loaded, ProviderSandbox)):
        msg = f"the sandbox of {spec.name}, {spec.sandbox}, is no ProviderSandbox"
        raise PluginError(msg)
    return loaded
