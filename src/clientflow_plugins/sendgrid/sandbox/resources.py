"""What the account says of itself, after SendGrid's OpenAPI documents ``tsg_*_v3.json``.

The tests hold it against them.
"""

from typing import Any, Final

# https://www.twilio.com/docs/sendgrid/api-reference/how-to-use-the-sendgrid-v3-api/authorization
SCOPES: Final = (
    "mail.send",
    "asm.groups.suppressions.read",
    "sender_verification_eligible",
    "suppression.read",
    "user.webhooks.event.settings.read",
    "user.webhooks.parse.settings.read",
    "whitelabel.read",
)
_POLICY_ID: Final = "00000000-0000-4000-8000-000000000002"
EVENTS: Final = (
    "bounce", "click", "deferred", "delivered", "dropped", "group_resubscribe", "group_unsubscribe",
    "open", "processed", "spam_report", "unsubscribe",
)  # fmt: skip


def verified_senders(address: str) -> dict[str, Any]:
    """Give the one sender of the account, which is verified."""
    sender = {
        "id": 1,
        "nickname": "The business",
        "from_email": address,
        "from_name": "The business",
        "reply_to": address,
        "reply_to_name": "The business",
        "address": "1 Example Street",
        "address2": "",
        "state": "",
        "city": "Exampleton",
        "country": "USA",
        "zip": "00000",
        "verified": True,
        "locked": False,
    }
    return {"results": [sender]}


def authenticated_domain(domain: str) -> dict[str, Any]:
    """Give the domain of the account, whose records of the DNS are as they should be."""
    records = {
        "mail_cname": (f"em1.{domain}", "u1.wl.sendgrid.net"),
        "dkim1": (f"s1._domainkey.{domain}", "s1.domainkey.u1.wl.sendgrid.net"),
        "dkim2": (f"s2._domainkey.{domain}", "s2.domainkey.u1.wl.sendgrid.net"),
    }
    return {
        "id": 1,
        "user_id": 1,
        "subdomain": "em1",
        "domain": domain,
        "username": "sandbox",
        "ips": [],
        "custom_spf": False,
        "default": True,
        "legacy": False,
        "automatic_security": True,
        "valid": True,
        "dns": {
            name: {"valid": True, "type": "cname", "host": host, "data": data}
            for name, (host, data) in records.items()
        },
    }


def event_webhook(url: str, *, public_key: str) -> dict[str, Any]:
    """Give the event webhook, which tells of everything that happens to an e-mail."""
    return {
        "enabled": True,
        "url": url,
        "account_status_change": False,
        **dict.fromkeys(EVENTS, True),
        "friendly_name": "ClientFlow",
        "id": "00000000-0000-4000-8000-000000000001",
        "created_date": "2026-01-01T00:00:00Z",
        "updated_date": "2026-01-01T00:00:00Z",
        "oauth_client_id": None,
        "oauth_token_url": None,
        "public_key": public_key,
    }


def parse_setting(url: str, *, hostname: str, has_policy: bool) -> dict[str, Any]:
    """Give the setting of Inbound Parse."""
    return {
        "url": url,
        "hostname": hostname,
        "spam_check": False,
        "send_raw": False,
        "security_policy": _POLICY_ID if has_policy else None,
    }


def security_policy(public_key: str) -> dict[str, Any]:
    """Give the security policy of Inbound Parse."""
    return {
        "id": _POLICY_ID,
        "name": "ClientFlow",
        "signature": {"public_key": public_key},
    }
