"""What stands where a stand-in would, for a provider behind which nobody stands."""

from collections.abc import Iterable
from typing import Any, ClassVar

from aiohttp import web
from typing_extensions import override

from clientflow_core.providers.records import MemoryRecordStore
from clientflow_core.providers.spec import AnySpec
from clientflow_core.sandbox import ProviderSandbox


class LocalSandbox(ProviderSandbox):
    """No API, and the settings of the spec; what the provider keeps is all that there is.

    A test class of a provider to which something happens, such as a payment, names a subclass of
    it as ``sandbox``, which has ``events``.

    Attributes:
        spec: of the provider.
        records: what the provider keeps, for every organization.
    """

    spec: ClassVar[AnySpec]

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.records = MemoryRecordStore(self.clock)

    @override
    @classmethod
    def new_credentials(cls) -> dict[str, str]:
        assert cls.spec.local_settings, f"{cls.spec.name} is not local"
        return dict(cls.spec.local_settings())

    @override
    def settings(self) -> dict[str, str]:
        return dict(self.credentials)

    @override
    def api_routes(self) -> Iterable[web.RouteDef]:
        return ()

    @override
    def error_answer(self, status: int) -> web.Response:
        return web.Response(status=status)

    @override
    def state(self) -> dict[str, Any]:
        return {"records": self.records.state()}

    @override
    def clear(self) -> None:
        self.records.clear()


def sandbox_of(local: AnySpec) -> type[LocalSandbox]:
    """Make the class for the *local* provider."""

    class Sandbox(LocalSandbox):
        name = local.name
        title = local.title
        spec = local

    return Sandbox
