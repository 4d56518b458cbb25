"""Way in, first half: verify, keep, acknowledge."""

from clientflow_core import failpoints
from clientflow_core.domain.inbound_events import InboundEvent
from clientflow_core.ids import new_id
from clientflow_core.persistence.intake import Intake
from clientflow_core.providers.webhooks import WebhookRequest
from clientflow_core.registry.registry import ProviderRegistry
from clientflow_core.registry.webhooks import BoundWebhook


async def receive_webhook(
    request: WebhookRequest,
    *,
    webhook: BoundWebhook,
    intake: Intake,
    registry: ProviderRegistry,
) -> None:
    """Verify *request* and keep it, with the job that will handle it.

    When this returns, both are durable and the provider may be told so. A repetition of a request
    that is kept already changes nothing and is acknowledged again.

    Raises:
        SignatureRefused: the sender is not proven; nothing is kept.
        BadPayload: nobody can read it; nothing is kept.
        PluginError: the plugin fails over it, and the sender must come again.
        Overloaded: the database cannot take it now; the sender must come again.
    """
    proof = await registry.prove(webhook, request)
    verified, proven_for = proof.verified, proof.organization_id
    failpoints.hit("receive_webhook.verified")
    kept = webhook.spec.keep_headers
    event = InboundEvent(
        id=new_id(at=request.received_at),
        provider=webhook.provider,
        webhook=webhook.spec.name,
        # Whoever signs with settings of their own must not be able to name what others will send.
        account=f"{proven_for}/{verified.account}" if proven_for else verified.account,
        external_id=verified.external_id,
        method=request.method,
        url=request.url,
        headers={name: value for name, value in request.headers.items() if name in kept},
        body=request.body,
        received_at=request.received_at,
        verified_for=proven_for,
        recipient=verified.recipient,
    )
    await intake.store(event)
    failpoints.hit("receive_webhook.stored")
