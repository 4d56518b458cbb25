"""``/api/v1/x/{plugin}/...``: the addresses that plugins bring."""

import inspect
import typing
import uuid
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

import structlog

from clientflow_core.contributions.context import Asking, PluginContext
from clientflow_core.contributions.routes import RouteRequest, RouteSpec, operation_name
from clientflow_core.errors import PluginError
from clientflow_core.registry.bound import context_for, plugin_context
from clientflow_core.registry.discovery import Plugin
from clientflow_core.registry.fence import fenced
from clientflow_core.services.run_plugin_job import enqueue_asked
from clientflow_host.assembly import ASSEMBLY, Assembly
from clientflow_host.openapi import ApiRequest, Handler, Operation, RequestReader, compile_schemas
from clientflow_host.openapi.operations import kinds_of

log = structlog.get_logger(__name__)


def plugin_operations(assembly: Assembly) -> list[Operation]:
    """Give the operations that the enabled plugins bring.

    Where a type cannot be published, or not be read from a request, all of that plugin's are left
    out, unless it must work.

    Raises:
        PluginError: it must.
    """
    found: list[Operation] = []
    for plugin in assembly.registry.plugins:
        context = plugin_context(plugin, providers=assembly.registry, clock=assembly.clock)
        operations = [_operation(plugin, spec, context) for spec in plugin.contributions.routes]
        try:
            _refuse_unpublishable(plugin, operations)
        except PluginError as error:
            if plugin.name in (assembly.settings.plugins or ()):
                raise
            log.error("plugin_routes_left_out", plugin=plugin.name, reason=str(error))  # noqa: TRY400 - it says all
        else:
            found.extend(operations)
    return found


def _operation(plugin: Plugin, spec: RouteSpec, context: PluginContext) -> Operation:
    return Operation(
        method=spec.method,
        path=f"/api/v1/x/{plugin.name}{spec.path}",
        role=spec.role,
        handler=_handler(plugin, spec, context),
        tag=plugin.name,
        summary=_first_line(spec),
        operation_id=operation_name(plugin.name, spec.name),
        errors=(HTTPStatus.SERVICE_UNAVAILABLE,),
        deadline_seconds=None,
    )


def _first_line(spec: RouteSpec) -> str:
    return (inspect.getdoc(spec.handle) or "").partition("\n")[0].removesuffix(".")


def _handler(plugin: Plugin, spec: RouteSpec, context: PluginContext) -> Handler:
    async def handle(request: ApiRequest[Any, Any, Any]) -> Any:
        asking = Asking(plugin.contributions.job_names)
        asked: RouteRequest[Any, Any, Any] = RouteRequest(
            path=request.path,
            query=request.query,
            body=request.body,
            caller=request.caller,
            context=context_for(context, _organization_of(request)),
            asking=asking,
        )
        answer = await fenced(
            lambda: spec.handle(asked),
            plugin=plugin,
            what=f"the route {spec.name!r}",
            deadline_seconds=spec.deadline_seconds,
        )
        _refuse_other_answer(plugin, spec, answer)
        if asking.jobs:
            database = request.raw.app[ASSEMBLY].database
            async with database.organization(request.principal.organization_id) as transaction:
                await enqueue_asked(transaction, plugin, asking.jobs)
        return answer

    # What is published and enforced is what the plugin's own function says.
    request_type: Any = ApiRequest
    handle.__annotations__ = {
        "request": request_type[spec.types.path, spec.types.query, spec.types.body],
        "return": spec.types.answer,
    }
    return handle


def _organization_of(request: ApiRequest[Any, Any, Any]) -> uuid.UUID | None:
    return request.caller.organization_id if request.caller else None


def _refuse_other_answer(plugin: Plugin, spec: RouteSpec, answer: object) -> None:
    kind = spec.types.answer
    promised = type(None) if kind is None else (typing.get_origin(kind) or kind)
    if not isinstance(answer, promised):
        got = type(answer).__name__
        msg = f"the route {spec.name!r} of {plugin.source} gives {got}, not {promised.__name__}"
        raise TypeError(msg)


def _refuse_unpublishable(plugin: Plugin, operations: Iterable[Operation]) -> None:
    for operation in operations:
        try:
            schemas = compile_schemas(kinds_of([operation]))
            RequestReader.of(operation, schemas)
        except TypeError as error:
            msg = f"the route {operation.operation_id!r} of {plugin.source}: {error}"
            raise PluginError(msg) from error
