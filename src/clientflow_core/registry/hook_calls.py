"""One plugin's hooks: checked against their specifications, and called with their types.

pluggy knows nothing of types, ignores a method without its mark, takes an answer of None for none
at all, and awaits nothing. So each plugin has a manager of its own, which is asked for the
implementations and never calls them.
"""

import inspect
from collections.abc import Callable, Iterable
from typing import Any, Final, TypeVar, cast

import pluggy

from clientflow_core.hookspecs import PROJECT, Hooks

T = TypeVar("T")
_MARK: Final = f"{PROJECT}_impl"


class RuleBroken(Exception):
    """Says what a plugin does wrong; who catches it knows whose it is."""


class PluginHooks:
    """The hooks that a plugin implements.

    Args:
        plugin: what its entry point names.
        name: the entry point's.

    Raises:
        RuleBroken, pluggy.PluginValidationError: it breaks the rules of registration.
    """

    def __init__(self, plugin: object, name: str) -> None:
        if not isinstance(plugin, Hooks):
            msg = (
                "its entry point must name an instance of a class that subclasses"
                f" clientflow_core.hookspecs.Hooks, not {plugin!r}"
            )
            raise RuleBroken(msg)
        _refuse_undecorated(type(plugin))
        self._manager = pluggy.PluginManager(PROJECT)
        self._manager.add_hookspecs(Hooks)
        self._manager.register(plugin, name=name)
        self._manager.check_pending()
        self._refuse_other_forms()

    def collect(self, hook: Callable[[Any], Iterable[T]], *, of: type) -> list[T]:
        """Call *hook*, named by its specification, and give what it brings.

        Args:
            hook: such as ``Hooks.clientflow_channels``; its type is that of the answer.
            of: the class that everything in the answer must be of.

        Raises:
            RuleBroken: the answer is not what the specification says.
            Exception: the hook's own.
        """
        function = self._implementation(hook.__name__)
        if function is None:
            return []
        answer: Any = function()
        if not isinstance(answer, Iterable):
            got = type(answer).__name__
            msg = f"{hook.__name__} must give a list of {of.__name__}, and gives {got}"
            raise RuleBroken(msg)
        found: list[T] = []
        for item in answer:
            if not isinstance(item, of):
                msg = f"{hook.__name__} must give a list of {of.__name__}, and {item!r} is none"
                raise RuleBroken(msg)
            found.append(cast("T", item))
        return found

    def _implementation(self, hook: str) -> Callable[[], Any] | None:
        found = getattr(self._manager.hook, hook).get_hookimpls()
        return found[0].function if found else None

    def _refuse_other_forms(self) -> None:
        for name in vars(Hooks):
            if not name.startswith(f"{PROJECT}_"):
                continue
            for found in getattr(self._manager.hook, name).get_hookimpls():
                if found.wrapper or found.hookwrapper:
                    msg = f"{name} wraps the hook of others; give what this plugin brings instead"
                    raise RuleBroken(msg)
                if inspect.iscoroutinefunction(found.function) or inspect.isasyncgenfunction(
                    found.function
                ):
                    msg = f"{name} must be a plain function, not async"
                    raise RuleBroken(msg)


def _refuse_undecorated(plugin_class: type[Hooks]) -> None:
    for name in dir(plugin_class):
        method = getattr(plugin_class, name)
        is_ours = name.startswith(f"{PROJECT}_") and method is not getattr(Hooks, name, None)
        if is_ours and not hasattr(method, _MARK):
            msg = f"mark {name} with @hookimpl"
            raise RuleBroken(msg)
