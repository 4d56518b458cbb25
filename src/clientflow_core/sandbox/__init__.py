"""The base of the stand-in servers: what every provider's sandbox has in common.

A sandbox stands in for the provider, not for our code: it speaks the provider's own protocol, and
sends its signed webhooks, late, twice or shuffled on demand. Nothing of it is kept over a restart.
"""

from clientflow_core.sandbox.app import build_sandbox_app
from clientflow_core.sandbox.calls import Call
from clientflow_core.sandbox.control import ControlBody
from clientflow_core.sandbox.delivery import Delivery, SignedRequest, WebhookSender
from clientflow_core.sandbox.events import EventField, Occurrence, SandboxEvent
from clientflow_core.sandbox.faults import Answer, CallFault, FaultSwitches, WebhookFault
from clientflow_core.sandbox.panels import (
    Arrival,
    Bubble,
    CalendarEntry,
    CalendarSheet,
    CalendarSheets,
    Exchange,
    Exchanges,
    Letter,
    Letters,
    Panel,
    Phone,
    Phones,
    ReadyClient,
)
from clientflow_core.sandbox.provider_sandbox import ProviderSandbox

__all__ = [
    "Answer",
    "Arrival",
    "Bubble",
    "CalendarEntry",
    "CalendarSheet",
    "CalendarSheets",
    "Call",
    "CallFault",
    "ControlBody",
    "Delivery",
    "EventField",
    "Exchange",
    "Exchanges",
    "FaultSwitches",
    "Letter",
    "Letters",
    "Occurrence",
    "Panel",
    "Phone",
    "Phones",
    "ProviderSandbox",
    "ReadyClient",
    "SandboxEvent",
    "SignedRequest",
    "WebhookFault",
    "WebhookSender",
    "build_sandbox_app",
]
