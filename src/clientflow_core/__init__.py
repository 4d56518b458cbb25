"""The core of ClientFlow: what somebody imports who writes a plugin, or uses one as a library.

::

    async with ProviderRegistry.from_values(os.environ) as registry:
        channel = await registry.channel("twilio")
        receipt = await channel.send(message)

No server, database or provider's SDK is imported here, and a module only when one of its names is
used; which names there are says ``__init__.pyi``. Modules inside ``clientflow_core`` import from
each other, never from here.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
