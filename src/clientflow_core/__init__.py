"""The core of ClientFlow: what somebody imports who writes a plugin, or uses one as a library.

::

    async with ProviderRegistry.from_values(os.environ) as registry:
        channel = await registry.channel("twilio")
        receipt = await channel.send(message)

No server, database or provider's SDK is imported here. Modules inside ``clientflow_core`` import
from each other, never from here.
"""

from clientflow_core.clock import Clock, SystemClock
from clientflow_core.domain.messages import (
    DeliveryReported,
    MessageReceived,
    MessageStatus,
    OutboundMessage,
    ProviderEvent,
    Receipt,
    advance_delivery,
)
from clientflow_core.domain.phone_numbers import to_e164
from clientflow_core.errors import (
    AuthFailed,
    BadPayload,
    ClientFlowError,
    Conflict,
    DatabaseUnfit,
    EmbeddedServerError,
    FieldError,
    IdempotencyMismatch,
    InvalidInput,
    NotAllowed,
    NotFound,
    OutcomeUnknown,
    Overloaded,
    PluginError,
    ProviderCannot,
    ProviderError,
    ProviderRefused,
    ProviderUnavailable,
    RateLimited,
    RejectedInput,
    SettingProblem,
    SettingsError,
    SignatureRefused,
    Unauthenticated,
    WebhookError,
)
from clientflow_core.hookspecs import Hooks, hookimpl
from clientflow_core.ids import new_id
from clientflow_core.providers.channel import ChannelProvider, MessageQuery, SupportsMessageLookup
from clientflow_core.providers.spec import Capability, ProviderContext, ProviderKind, ProviderSpec
from clientflow_core.providers.webhooks import Verified, WebhookRequest, WebhookSpec
from clientflow_core.registry.discovery import Plugin, discover_plugins
from clientflow_core.registry.registry import BoundWebhook, ProviderRegistry, select_plugins
from clientflow_core.secret import Secret
from clientflow_core.settings import load_settings, read_sources, setting

__all__ = [
    "AuthFailed",
    "BadPayload",
    "BoundWebhook",
    "Capability",
    "ChannelProvider",
    "ClientFlowError",
    "Clock",
    "Conflict",
    "DatabaseUnfit",
    "DeliveryReported",
    "EmbeddedServerError",
    "FieldError",
    "Hooks",
    "IdempotencyMismatch",
    "InvalidInput",
    "MessageQuery",
    "MessageReceived",
    "MessageStatus",
    "NotAllowed",
    "NotFound",
    "OutboundMessage",
    "OutcomeUnknown",
    "Overloaded",
    "Plugin",
    "PluginError",
    "ProviderCannot",
    "ProviderContext",
    "ProviderError",
    "ProviderEvent",
    "ProviderKind",
    "ProviderRefused",
    "ProviderRegistry",
    "ProviderSpec",
    "ProviderUnavailable",
    "RateLimited",
    "Receipt",
    "RejectedInput",
    "Secret",
    "SettingProblem",
    "SettingsError",
    "SignatureRefused",
    "SupportsMessageLookup",
    "SystemClock",
    "Unauthenticated",
    "Verified",
    "WebhookError",
    "WebhookRequest",
    "WebhookSpec",
    "advance_delivery",
    "discover_plugins",
    "hookimpl",
    "load_settings",
    "new_id",
    "read_sources",
    "select_plugins",
    "setting",
    "to_e164",
]
