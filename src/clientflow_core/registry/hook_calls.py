"""One plugin's hooks: checked against their specifications, and called with their types.

pluggy knows nothing of types, ignores a method without its mark, takes an answer of None for none
at all, and awaits nothing. So each plugin has a manager of its own, which is asked for the
implementations and never calls them.
"""

import inspect
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Concatenate, Final, ParamSpec, TypeVar

import pluggy

from clientflow_core.hookspecs import PROJECT, Hooks

T = TypeVar("T")
P = ParamSpec("P")
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
        found = self._implementation(hook.__name__)
        if found is None:
            return []
        return self._checked(hook.__name__, found.function(), of)

    def moment(
        self, hook: Callable[Concatenate[Any, P], Awaitable[None]]
    ) -> Callable[P, Awaitable[None]] | None:
        """Give what is to be awaited for *hook*, named by its specification; None if nothing.

        What it is given by position it is given by the names that it takes, as pluggy would: a hook
        may have more arguments in a later release.
        """
        found = self._implementation(hook.__name__)
        if found is None:
            return None
        names = list(inspect.signature(hook).parameters)[1:]
        function: Callable[..., Any] = found.function
        taken = found.argnames

        async def call(*args: P.args, **kwargs: P.kwargs) -> None:
            given = dict(zip(names, args, strict=False)) | kwargs
            await function(**{name: given[name] for name in taken})

        return call

    def _checked(self, hook: str, answer: Any, of: type) -> list[Any]:
        if not isinstance(answer, Iterable):
            got = type(answer).__name__
            msg = f"{hook} must give a list of {of.__name__}, and gives {got}"
            raise RuleBroken(msg)
        found = []
        for item in answer:
            if not isinstance(item, of):
                msg = f"{hook} must give a list of {of.__name__}, and {item!r} is none"
                raise RuleBroken(msg)
            found.append(item)
        return found

    def _implementation(self, hook: str) -> pluggy.HookImpl | None:
        found = getattr(self._manager.hook, hook).get_hookimpls()
        return found[0] if found else None

    def _refuse_other_forms(self) -> None:
        for name, specification in vars(Hooks).items():
            if not name.startswith(f"{PROJECT}_"):
                continue
            for found in getattr(self._manager.hook, name).get_hookimpls():
                if found.wrapper or found.hookwrapper:
                    msg = f"{name} wraps the hook of others; give what this plugin brings instead"
                    raise RuleBroken(msg)
                _refuse_other_colour(name, found, inspect.iscoroutinefunction(specification))
                _refuse_hidden_arguments(name, found)


def _refuse_other_colour(name: str, found: pluggy.HookImpl, is_async: bool) -> None:  # noqa: FBT001
    function = found.function
    if is_async and not inspect.iscoroutinefunction(function):
        msg = f"{name} must be an async function"
        raise RuleBroken(msg)
    if not is_async and (
        inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)
    ):
        msg = f"{name} must be a plain function, not async"
        raise RuleBroken(msg)


def _refuse_hidden_arguments(name: str, found: pluggy.HookImpl) -> None:
    """Refuse arguments that pluggy does not see, and so never gives."""
    for parameter in inspect.signature(found.function).parameters.values():
        if parameter.name not in found.argnames:
            msg = (
                f"{name} takes {str(parameter)!r}, which it would never be given: write its"
                " arguments as in the specification, by position and without defaults"
            )
            raise RuleBroken(msg)


def _refuse_undecorated(plugin_class: type[Hooks]) -> None:
    for name in dir(plugin_class):
        method = getattr(plugin_class, name)
        is_ours = name.startswith(f"{PROJECT}_") and method is not getattr(Hooks, name, None)
        if is_ours and not hasattr(method, _MARK):
            msg = f"mark {name} with @hookimpl"
            raise RuleBroken(msg)
