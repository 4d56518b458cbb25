"""What the package gives; read by type checkers, and at run time for what to import when."""

from .clock import Clock, SystemClock
from .contributions.checks import (
    CheckContext,
    CheckResult,
    CheckSpec,
    CheckStatus,
    failed,
    passed,
    skipped,
)
from .contributions.commands import CommandSpec
from .contributions.context import HostContext, PluginContext, Process
from .contributions.drafts import Draft, Reject, SendPhase, SendStep
from .contributions.events import DomainEvent, EventKind, EventListener
from .contributions.jobs import JobContext, JobSpec, ScheduleSpec
from .contributions.pages import (
    Facts,
    Form,
    FormField,
    Heading,
    PageContent,
    PageLink,
    PageRequest,
    PageSpec,
    Paragraph,
    Table,
)
from .contributions.redactions import RedactionRule
from .contributions.routes import RouteRequest, RouteSpec
from .contributions.routing import Candidate, OutgoingMessage, Router
from .contributions.webhooks import PluginWebhook, ReceivedWebhook
from .domain.assistance import (
    Assistance,
    AssistanceRequest,
    ModerationVerdict,
    Speaker,
    TextDelta,
    TokenUsage,
    Utterance,
)
from .domain.billing import (
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
from .domain.calendars import (
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
from .domain.changes import CalendarChanged, SubscriptionChanged
from .domain.consent import ConsentReported, ConsentSource, Wish, read_wish
from .domain.email.html import clean_html
from .domain.email.mime import ParsedEmail, parse_mime
from .domain.email.parts import Attachment, EmailParts
from .domain.email.replies import SplitReply, split_reply
from .domain.email.robots import Bounce
from .domain.email.threads import next_references, reply_subject
from .domain.email_addresses import to_email_address
from .domain.identities import Assurance, Identity
from .domain.messages import (
    DeliveryReported,
    Direction,
    KeptAttachment,
    KeptEmail,
    Message,
    MessageReceived,
    MessageStatus,
    OutboundMessage,
    ProviderEvent,
    Receipt,
    advance_delivery,
)
from .domain.money import Money
from .domain.phone_numbers import to_e164
from .domain.private_words import hide_private_fields, hide_private_words
from .domain.provider_settings import OfOrganization, OrganizationValues
from .domain.roles import Principal, Role
from .domain.routing import Medium
from .errors import (
    AuthFailed,
    BackupUnusable,
    BadPayload,
    BudgetReached,
    ClientFlowError,
    ClientRefused,
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
    OptedOut,
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
from .hookspecs import Hooks, hookimpl
from .ids import new_id
from .providers.assistant import (
    AssistantProvider,
    SupportsEmbeddings,
    SupportsModeration,
)
from .providers.authorization import AuthorizationGrant, AuthorizationRequest, AuthorizationSpec
from .providers.billing import (
    BillingProvider,
    SupportsInvoices,
    SupportsUsage,
)
from .providers.calendar import CalendarProvider, SupportsPush
from .providers.catch_up import MissedPage, MissedWebhook, SupportsCatchUp
from .providers.channel import (
    ChannelProvider,
    MessageQuery,
    SupportsMessageLookup,
)
from .providers.handover import Handover
from .providers.identity import (
    IdentityProvider,
    SupportsUserLookup,
)
from .providers.observer import ObserverProvider
from .providers.observers import Observers
from .providers.records import Record, Records, RecordStore
from .providers.retry_after import read_retry_after_seconds
from .providers.spec import (
    Capability,
    ProviderContext,
    ProviderKind,
    ProviderSpec,
)
from .providers.webhooks import (
    Verified,
    WebhookRequest,
    WebhookSpec,
)
from .registry.discovery import Plugin
from .registry.finding import discover_plugins
from .registry.organizations import OrganizationSettings
from .registry.registry import ProviderRegistry
from .registry.webhooks import BoundWebhook
from .secret import Secret
from .settings import (
    load_settings,
    read_sources,
    setting,
)

__all__ = [
    "AllDay",
    "Assistance",
    "AssistanceRequest",
    "AssistantProvider",
    "Assurance",
    "Attachment",
    "AuthFailed",
    "AuthorizationGrant",
    "AuthorizationRequest",
    "AuthorizationSpec",
    "BackupUnusable",
    "BadPayload",
    "BilledOrganization",
    "BillingInterval",
    "BillingProvider",
    "Bounce",
    "BoundWebhook",
    "BudgetReached",
    "BusyTime",
    "Calendar",
    "CalendarChanged",
    "CalendarEvent",
    "CalendarProvider",
    "Candidate",
    "Capability",
    "ChannelProvider",
    "CheckContext",
    "CheckResult",
    "CheckSpec",
    "CheckStatus",
    "CheckoutRequest",
    "ClientFlowError",
    "ClientRefused",
    "Clock",
    "CommandSpec",
    "Conflict",
    "ConsentReported",
    "ConsentSource",
    "CursorExpired",
    "DatabaseUnfit",
    "DeliveryReported",
    "Direction",
    "DomainEvent",
    "Draft",
    "EditConflict",
    "EmailParts",
    "EmbeddedServerError",
    "EventDraft",
    "EventKind",
    "EventListener",
    "EventRemoved",
    "EventStatus",
    "Facts",
    "FieldError",
    "Form",
    "FormField",
    "Handover",
    "Heading",
    "Hooks",
    "HostContext",
    "HostedPage",
    "IdempotencyMismatch",
    "Identity",
    "IdentityProvider",
    "InvalidInput",
    "Invoice",
    "InvoiceStatus",
    "JobContext",
    "JobSpec",
    "KeptAttachment",
    "KeptEmail",
    "Medium",
    "Message",
    "MessageQuery",
    "MessageReceived",
    "MessageStatus",
    "MissedPage",
    "MissedWebhook",
    "ModerationVerdict",
    "Money",
    "NotAllowed",
    "NotFound",
    "ObserverProvider",
    "Observers",
    "OfOrganization",
    "OptedOut",
    "OrganizationSettings",
    "OrganizationValues",
    "OutboundMessage",
    "OutcomeUnknown",
    "OutgoingMessage",
    "Overloaded",
    "PageContent",
    "PageLink",
    "PageRequest",
    "PageSpec",
    "Paragraph",
    "ParsedEmail",
    "Plan",
    "Plugin",
    "PluginContext",
    "PluginError",
    "PluginWebhook",
    "Principal",
    "Process",
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
    "ReceivedWebhook",
    "Record",
    "RecordStore",
    "Records",
    "RedactionRule",
    "Reject",
    "RejectedInput",
    "Role",
    "RouteRequest",
    "RouteSpec",
    "Router",
    "ScheduleSpec",
    "Secret",
    "SendPhase",
    "SendStep",
    "SettingProblem",
    "SettingsError",
    "SignatureRefused",
    "Speaker",
    "SplitReply",
    "Subscription",
    "SubscriptionChanged",
    "SubscriptionStatus",
    "SupportsCatchUp",
    "SupportsEmbeddings",
    "SupportsInvoices",
    "SupportsMessageLookup",
    "SupportsModeration",
    "SupportsPush",
    "SupportsUsage",
    "SupportsUserLookup",
    "SyncPage",
    "SystemClock",
    "Table",
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
    "Wish",
    "advance_delivery",
    "clean_html",
    "discover_plugins",
    "failed",
    "hide_private_fields",
    "hide_private_words",
    "hookimpl",
    "load_settings",
    "new_id",
    "next_references",
    "parse_mime",
    "passed",
    "read_retry_after_seconds",
    "read_sources",
    "read_wish",
    "reply_subject",
    "setting",
    "skipped",
    "split_reply",
    "to_e164",
    "to_email_address",
]
