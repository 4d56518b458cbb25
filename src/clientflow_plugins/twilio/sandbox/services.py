"""The messaging service as JSON, after Twilio's OpenAPI document ``twilio_messaging_v1.json``.

The tests hold it against that.
"""

import datetime as dt
from typing import Any, Final

from clientflow_plugins.twilio.sandbox.resources import number_sid

_MESSAGING: Final = "https://messaging.twilio.com/v1/Services"
_BELOW: Final = {
    "phone_numbers": "PhoneNumbers",
    "short_codes": "ShortCodes",
    "alpha_senders": "AlphaSenders",
    "messages": "Messages",
    "us_app_to_person": "Compliance/Usa2p",
    "us_app_to_person_usecases": "Compliance/Usa2p/Usecases",
    "channel_senders": "ChannelSenders",
    "destination_alpha_senders": "DestinationAlphaSenders",
}


def service_resource(
    account_sid: str, sid: str, *, since: dt.datetime, sms_url: str, campaign: str
) -> dict[str, Any]:
    """Give the messaging service *sid*.

    Args:
        account_sid: whose it is.
        sid: its own.
        since: when it was made.
        sms_url: where texts to its numbers are posted.
        campaign: how far its A2P registration is.
    """
    return _named(account_sid, sid, since) | {
        "area_code_geomatch": True,
        "fallback_method": "POST",
        "fallback_to_long_code": True,
        "fallback_url": None,
        "friendly_name": "ClientFlow sandbox",
        "inbound_method": "POST",
        "inbound_request_url": sms_url,
        "links": {name: f"{_MESSAGING}/{sid}/{path}" for name, path in _BELOW.items()},
        "mms_converter": True,
        "scan_message_content": "inherit",
        "smart_encoding": False,
        "status_callback": None,
        "sticky_sender": True,
        "synchronous_validation": False,
        "url": f"{_MESSAGING}/{sid}",
        "us_app_to_person_registered": campaign == "VERIFIED",
        "use_inbound_webhook_on_number": False,
        "usecase": "undeclared",
        "validity_period": 14400,
    }


def pool_resource(
    account_sid: str, service_sid: str, number: str, *, since: dt.datetime
) -> dict[str, Any]:
    """Give a *number* in the pool of the messaging service."""
    sid = number_sid(number)
    return _named(account_sid, sid, since) | {
        "capabilities": ["SMS"],
        "country_code": "US",
        "phone_number": number,
        "service_sid": service_sid,
        "url": f"{_MESSAGING}/{service_sid}/PhoneNumbers/{sid}",
    }


def campaign_resource(
    account_sid: str, service_sid: str, *, since: dt.datetime, state: str
) -> dict[str, Any]:
    """Give the A2P campaign of the messaging service, which is in *state*."""
    sid = "QE2c6890da8086d771620e9b13fadeba0b"
    opted_in = "ClientFlow sandbox: you are opted in. Reply HELP for help, STOP to opt out."
    return _named(account_sid, sid, since) | {
        "age_gated": False,
        "brand_registration_sid": f"BN{service_sid[2:]}",
        "campaign_id": "CSANDBX",
        "campaign_status": state,
        "description": "Answers of a small business to the texts of its own clients.",
        "direct_lending": False,
        "errors": [],
        "has_embedded_links": True,
        "has_embedded_phone": False,
        "help_keywords": ["HELP"],
        "help_message": "ClientFlow sandbox: call +1 415 555 0100. Reply STOP to opt out.",
        "is_externally_registered": False,
        "message_flow": "Clients write first, or ask at the counter to be written to.",
        "message_samples": ["Your appointment is on Monday at 9.", "Your table is ready now."],
        "messaging_service_sid": service_sid,
        "mock": True,
        "opt_in_keywords": ["START"],
        "opt_in_message": opted_in,
        "opt_out_keywords": ["STOP"],
        "opt_out_message": "You are opted out of texts from ClientFlow sandbox.",
        "rate_limits": {"att": {"mps": 600, "msg_class": "A"}, "tmobile": {"brand_tier": "TOP"}},
        "subscriber_opt_in": True,
        "url": f"{_MESSAGING}/{service_sid}/Compliance/Usa2p/{sid}",
        "us_app_to_person_usecase": "CUSTOMER_CARE",
    }


def _named(account_sid: str, sid: str, since: dt.datetime) -> dict[str, Any]:
    born = f"{since.astimezone(dt.UTC):%Y-%m-%dT%H:%M:%SZ}"
    return {"account_sid": account_sid, "date_created": born, "date_updated": born, "sid": sid}
