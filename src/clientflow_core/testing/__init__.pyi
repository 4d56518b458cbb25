"""What the kit gives; read by type checkers, and at run time for what to import when."""

from .channel import ChannelConformance
from .checks import Check, Tier, check, checks_of
from .conformance import Conformance
from .fakes import StillClock, memory_plugin
from .skips import NotSupported, Planned, Skip, VendorBug
from .stage import Stage
from .strategies import Medium, addresses, messages, settings_for, texts, webhook_requests
from .webhooks import WebhookConformance

__all__ = [
    "ChannelConformance",
    "Check",
    "Conformance",
    "Medium",
    "NotSupported",
    "Planned",
    "Skip",
    "Stage",
    "StillClock",
    "Tier",
    "VendorBug",
    "WebhookConformance",
    "addresses",
    "check",
    "checks_of",
    "memory_plugin",
    "messages",
    "settings_for",
    "texts",
    "webhook_requests",
]
