"""What the kit gives; read by type checkers, and at run time for what to import when."""

from .assistant import AssistantConformance
from .billing import BillingConformance
from .calendar import CalendarConformance
from .calls import OrdinaryCall
from .channel import ChannelConformance
from .checks import Check, Tier, check, checks_of
from .conformance import Conformance
from .fakes import StillClock, memory_plugin
from .identity import IdentityConformance
from .local import LocalSandbox
from .observer import ObserverConformance
from .skips import LocalProvider, NotSupported, Planned, Skip, VendorBug
from .stage import Stage
from .strategies import (
    Medium,
    addresses,
    amounts,
    event_drafts,
    messages,
    settings_for,
    texts,
    webhook_requests,
)
from .webhooks import WebhookConformance

__all__ = [
    "AssistantConformance",
    "BillingConformance",
    "CalendarConformance",
    "ChannelConformance",
    "Check",
    "Conformance",
    "IdentityConformance",
    "LocalProvider",
    "LocalSandbox",
    "Medium",
    "NotSupported",
    "ObserverConformance",
    "OrdinaryCall",
    "Planned",
    "Skip",
    "Stage",
    "StillClock",
    "Tier",
    "VendorBug",
    "WebhookConformance",
    "addresses",
    "amounts",
    "check",
    "checks_of",
    "event_drafts",
    "memory_plugin",
    "messages",
    "settings_for",
    "texts",
    "webhook_requests",
]
