"""Objects that look like a provider, and whose every method goes through the guard.

Their classes are made once for each class of providers: each is a subclass of the interface of its
kind, and of the Protocol of each ability that the provider really has, and of nothing else.
"""

import functools
from collections.abc import Callable
from typing import Any

from clientflow_core.providers.interfaces import abilities_of, interface_of, proven_capabilities
from clientflow_core.providers.spec import Capability, ProviderKind
from clientflow_core.registry.guard import Guard
from clientflow_core.registry.operations import Operation, operations_of


def guarded(kind: ProviderKind, provider: object, guard: Guard) -> object:
    """Give *provider* behind *guard*: of the interface of its *kind*, with the same abilities."""
    return _class_for(kind, proven_capabilities(kind, provider))(guard, provider)


@functools.cache
def _class_for(
    kind: ProviderKind, capabilities: frozenset[Capability]
) -> Callable[[Guard, object], object]:
    interface, abilities = interface_of(kind), abilities_of(kind)
    bases = (interface, *(abilities[one] for one in sorted(capabilities)))
    methods = {
        name: _method(operation)
        for base in bases
        for name, operation in operations_of(base).items()
    }
    name = f"Guarded{interface.__name__}"
    return type(name, bases, {"__init__": _keep, "__module__": __name__, **methods})


def _keep(self: Any, guard: Guard, provider: object) -> None:
    self._guard, self._provider = guard, provider


def _method(operation: Operation) -> Callable[..., Any]:
    made = _choose(operation)
    made.__name__ = operation.name
    return made


def _choose(operation: Operation) -> Callable[..., Any]:
    name = operation.name
    if operation.is_stream:
        return lambda self, *args, **kwargs: self._guard.stream(
            operation, lambda: getattr(self._provider, name)(*args, **kwargs)
        )
    if operation.is_async:

        async def call(self: Any, *args: Any, **kwargs: Any) -> Any:
            method = getattr(self._provider, name)
            return await self._guard.call(operation, functools.partial(method, *args, **kwargs))

        return call
    if name == "span":
        return lambda self, *args, **kwargs: self._guard.span(
            operation, lambda: getattr(self._provider, name)(*args, **kwargs)
        )
    return lambda self, *args, **kwargs: self._guard.tell(
        operation, lambda: getattr(self._provider, name)(*args, **kwargs)
    )
