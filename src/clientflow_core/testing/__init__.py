"""The conformance kit: what a plugin's author proves a provider with, and fakes for other tests.

::

    from clientflow_core.testing import ChannelConformance

    class TestAcme(ChannelConformance):
        spec = ACME

Nothing is imported before one of its names is used, since pytest loads the plugin of the kit in
every run. What there is says ``__init__.pyi``.
"""

from typing import Any, Final

import lazy_loader

_load, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
_NEEDED: Final = frozenset({"hypothesis", "pytest"})


def __getattr__(name: str) -> Any:
    """Import the module of *name*.

    Raises:
        ModuleNotFoundError: the kit's own needs are not installed; the message says how.
    """
    try:
        return _load(name)
    except ModuleNotFoundError as error:
        if error.name not in _NEEDED:
            raise
        msg = f"clientflow_core.testing needs {error.name}: pip install 'clientflow[testing]'"
        raise ModuleNotFoundError(msg, name=error.name) from error
