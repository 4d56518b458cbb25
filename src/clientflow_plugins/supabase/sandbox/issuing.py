"""The tokens of the stand-in, https://supabase.com/docs/guides/auth/jwt-fields."""

import datetime as dt
import json
import uuid
from collections.abc import Mapping
from typing import Any

import attrs
import jwt
from cryptography.hazmat.primitives.asymmetric import ec


@attrs.define(eq=False)
class User:
    """Somebody who has signed in."""

    id: str
    email: str
    created_at: dt.datetime
    is_confirmed: bool = True

    def as_json(self) -> dict[str, Any]:
        """Give it as the admin API lists it."""
        moment = self.created_at.isoformat()
        return {
            "id": self.id,
            "aud": "authenticated",
            "role": "authenticated",
            "email": self.email,
            "email_confirmed_at": moment if self.is_confirmed else None,
            "app_metadata": {"provider": "email", "providers": ["email"]},
            "user_metadata": {"email_verified": True},
            "created_at": moment,
            "updated_at": moment,
            "is_anonymous": False,
        }


class SigningKey:
    """A key of ES256 with a name, as a project makes by default."""

    def __init__(self) -> None:
        self.kid = str(uuid.uuid4())
        self._key = ec.generate_private_key(ec.SECP256R1())

    def public(self) -> dict[str, Any]:
        """Give what everybody may know of it."""
        algorithm = jwt.get_algorithm_by_name("ES256")
        found = json.loads(algorithm.to_jwk(self._key.public_key()))
        return {**found, "kid": self.kid, "alg": "ES256", "use": "sig", "key_ops": ["verify"]}

    def sign(self, claims: Mapping[str, Any]) -> str:
        """Give *claims* as a token."""
        return jwt.encode(dict(claims), self._key, algorithm="ES256", headers={"kid": self.kid})


def claims_of(
    user: User, *, issuer: str, audience: str, at: dt.datetime, lifetime_seconds: int, aal: str
) -> dict[str, Any]:
    """Give what a token says of *user*, who has signed in just now."""
    now = int(at.timestamp())
    methods = ["password", "totp"] if aal == "aal2" else ["password"]
    return {
        "iss": issuer,
        "sub": user.id,
        "aud": audience,
        "exp": now + lifetime_seconds,
        "iat": now,
        "email": user.email,
        "phone": "",
        "app_metadata": {"provider": "email", "providers": ["email"]},
        "user_metadata": {"email_verified": True},
        "role": "authenticated",
        "aal": aal,
        "amr": [{"method": method, "timestamp": now} for method in methods],
        "session_id": str(uuid.uuid4()),
        "is_anonymous": False,
    }
