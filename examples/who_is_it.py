"""Tell whose a token of Supabase's is, with nothing but ``pip install 'clientflow[supabase]'``.

export SUPABASE_URL=https://abcdefghijklmnopqrst.supabase.co
python examples/who_is_it.py < token.txt
"""

import asyncio
import os
import sys

from clientflow_core import ClientFlowError, Identity, ProviderRegistry, Secret


async def recognize(token: Secret) -> Identity:
    """Give who has signed in with *token*; a forged or expired one is refused."""
    async with ProviderRegistry.from_values(os.environ, names=["supabase"]) as registry:
        issuer = await registry.identity("supabase")
        return await issuer.authenticate(token)


if __name__ == "__main__":
    # Not an argument: those can be seen by everybody on this machine.
    try:
        person = asyncio.run(recognize(Secret(sys.stdin.read().strip())))
    except ClientFlowError as error:
        sys.exit(f"nobody: {error}")
    factors = person.assurance.value.replace("_", " ")
    print(f"{person.subject} by {factors}, until {person.expires_at:%Y-%m-%d %H:%M} UTC")
    # An address may be somebody else's next year: keep the subject, and show the address.
    print(f"{person.email or 'no address'}{'' if person.is_email_verified else ', not verified'}")
