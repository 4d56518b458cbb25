"""A stand-in for a collector of OpenTelemetry that is spoken to by OTLP over HTTP."""

from clientflow_plugins.opentelemetry.sandbox.server import CollectorSandbox

__all__ = ["CollectorSandbox"]
