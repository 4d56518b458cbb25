"""The core of ClientFlow: what somebody imports who writes a plugin, or uses one as a library.

::

    async with ProviderRegistry.from_values(os.environ) as registry:
        channel = await registry.channel("twilio")
        receipt = await channel.send(message)

No server, database or provider's SDK is imported here. Modules inside ``clientflow_core`` import
from each other, never from here.
"""

from clientflow_core.clock import Clock, SystemClock
from clientflow_core.domain.assistance import (
    Assistance,
    AssistanceRequest,
    ModerationVerdict,
    Speaker,
    TextDelta,
    TokenUsage,
    Utterance,
)
from clientflow_core.domain.billing import (
    BilledOrganization,
    BillingInterval,
    CheckoutRequest,
    HostedPage,
    Invoice,
    InvoiceStatus,
    Plan,
    Subscription,
    SubscriptionStatus,
    UsageReport,
)
from clientflow_core.domain.calendars import (
    AllDay,
    BusyTime,
    Calendar,
    CalendarEvent,
    EventDraft,
    EventRemoved,
    EventStatus,
    SyncPage,
    Timed,
    Watch,
    WatchRequest,
)
from clientflow_core.domain.identities import Assurance, Identity
from clientflow_core.domain.messages import (
    DeliveryReported,
    MessageReceived,
    MessageStatus,
    OutboundMessage,
    ProviderEvent,
    Receipt,
    advance_delivery,
)
from clientflow_core.domain.money import Money
from clientflow_core.domain.phone_numbers import to_e164
from clientflow_core.errors import (
    AuthFailed,
    BadPayload,
    ClientFlowError,
    Conflict,
    CursorExpired,
    DatabaseUnfit,
    EditConflict,
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
from clientflow_core.providers.assistant import (
    AssistantProvider,
    SupportsEmbeddings,
    SupportsModeration,
)
from clientflow_core.providers.billing import BillingProvider, SupportsInvoices, SupportsUsage
from clientflow_core.providers.calendar import CalendarProvider, SupportsPush
from clientflow_core.providers.channel import ChannelProvider, MessageQuery, SupportsMessageLookup
from clientflow_core.providers.identity import IdentityProvider, SupportsUserLookup
from clientflow_core.providers.observer import ObserverProvider
from clientflow_core.providers.spec import Capability, ProviderContext, ProviderKind, ProviderSpec
from clientflow_core.providers.webhooks import Verified, WebhookRequest, WebhookSpec
from clientflow_core.registry.discovery import Plugin, discover_plugins
from clientflow_core.registry.registry import BoundWebhook, ProviderRegistry, select_plugins
from clientflow_core.secret import Secret
from clientflow_core.settings import load_settings, read_sources, setting

__all__ = [
    "AllDay",
    "Assistance",
    "AssistanceRequest",
    "AssistantProvider",
    "Assurance",
    "AuthFailed",
    "BadPayload",
    "BilledOrganization",
    "BillingInterval",
    "BillingProvider",
    "BoundWebhook",
    "BusyTime",
    "Calendar",
    "CalendarEvent",
    "CalendarProvider",
    "Capability",
    "ChannelProvider",
    "CheckoutRequest",
    "ClientFlowError",
    "Clock",
    "Conflict",
    "CursorExpired",
    "DatabaseUnfit",
    "DeliveryReported",
    "EditConflict",
    "EmbeddedServerError",
    "EventDraft",
    "EventRemoved",
    "EventStatus",
    "FieldError",
    "Hooks",
    "HostedPage",
    "IdempotencyMismatch",
    "Identity",
    "IdentityProvider",
    "InvalidInput",
    "Invoice",
    "InvoiceStatus",
    "MessageQuery",
    "MessageReceived",
    "MessageStatus",
    "ModerationVerdict",
    "Money",
    "NotAllowed",
    "NotFound",
    "ObserverProvider",
    "OutboundMessage",
    "OutcomeUnknown",
    "Overloaded",
    "Plan",
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
    "Speaker",
    "Subscription",
    "SubscriptionStatus",
    "SupportsEmbeddings",
    "SupportsInvoices",
    "SupportsMessageLookup",
    "SupportsModeration",
    "SupportsPush",
    "SupportsUsage",
    "SupportsUserLookup",
    "SyncPage",
    "SystemClock",
    "TextDelta",
    "Timed",
    "TokenUsage",
    "Unauthenticated",
    "UsageReport",
    "Utterance",
    "Verified",
    "Watch",
    "WatchRequest",
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
