"""The checks of ours, by what they look at. Each module gives its own as ``CHECKS``."""

import importlib
import pkgutil
from collections.abc import Mapping

from clientflow_host.checklist.host_checks import HostCheck


def load_checks() -> Mapping[str, HostCheck]:
    """Import every module here, and give their checks by the id of the item that they answer.

    Raises:
        ValueError: two answer the same item.
    """
    found: dict[str, HostCheck] = {}
    for module in pkgutil.iter_modules(__path__, f"{__name__}."):
        for check in importlib.import_module(module.name).CHECKS:
            if check.id in found:
                msg = f"more than one check answers {check.id}: the other is in {module.name}"
                raise ValueError(msg)
            found[check.id] = check
    return found
