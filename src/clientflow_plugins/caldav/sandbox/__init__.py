"""The stand-in for a CalDAV server."""

from clientflow_plugins.caldav.sandbox.server import CaldavSandbox

__all__ = ["CaldavSandbox"]
