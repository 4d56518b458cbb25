"""A new account at the stand-in: a service account that acts for the owner of a business."""

import base64
import json
import secrets
from typing import Any, Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

OWNER: Final = "owner@salon.example.com"
# Google's have 2048, which takes five times as long to make; it only has to last for a try.
_KEY_BITS: Final = 1024
_PROJECT: Final = "clientflow-sandbox"


def new_account() -> dict[str, str]:
    """Make the settings of an account, by the names of the environment."""
    return {
        "GOOGLE_SVC_ACCOUNT_JSON": new_service_account(),
        "GOOGLE_CALENDAR_SUBJECT": OWNER,
        "GOOGLE_CALENDAR_WEBHOOK_SECRET": secrets.token_hex(32),
    }


def new_client() -> dict[str, str]:
    """Make an OAuth client, which users of the stand-in can consent to."""
    number = 10**11 + secrets.randbelow(10**11)
    return {
        "GOOGLE_CLIENT_ID": f"{number}-{secrets.token_hex(16)}.apps.googleusercontent.com",
        "GOOGLE_CLIENT_SECRET": f"GOCSPX-{secrets.token_urlsafe(21)}",
    }


def new_service_account() -> str:
    """Make the JSON key of a service account, in Base64."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=_KEY_BITS)
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    fields: dict[str, Any] = {
        "type": "service_account",
        "project_id": _PROJECT,
        "private_key_id": secrets.token_hex(20),
        "private_key": pem.decode(),
        "client_email": f"calendars@{_PROJECT}.iam.gserviceaccount.com",
        "client_id": str(10**20 + secrets.randbelow(10**20)),
        "auth_uri": "https://accounts.google.com/o/oauth2/auth",
        "token_uri": "https://oauth2.googleapis.com/token",
        "universe_domain": "googleapis.com",
    }
    return base64.b64encode(json.dumps(fields).encode()).decode()
