"""Providers behind which no company stands: what `up` runs them with."""

from collections.abc import Mapping, Sequence
from typing import Final

from clientflow_core.providers.spec import AnySpec
from clientflow_host.state import StateFolder

_KEPT: Final = "local.json"


def local_settings(specs: Sequence[AnySpec], folder: StateFolder) -> Mapping[str, str]:
    """Give the environment with which the local ones of *specs* work, made once and kept.

    Raises:
        StateFolderUnusable: it cannot be read or written.
    """
    kept = folder.read_json(_KEPT) or {}
    for spec in specs:
        if spec.local_settings is not None:
            # Those that are kept win, and what a later release has come to need is added to them.
            kept[spec.name] = {**spec.local_settings(), **kept.get(spec.name, {})}
    folder.write_json(_KEPT, kept)
    wanted = [spec.name for spec in specs if spec.is_local]
    return {env: value for name in wanted for env, value in kept[name].items()}
