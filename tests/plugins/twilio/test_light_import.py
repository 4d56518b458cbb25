import subprocess
import sys

PROGRAM = """
import sys
from clientflow_plugins.twilio import plugin
(spec,) = plugin.clientflow_channels()
assert spec.name == "twilio", spec
unwanted = ("twilio", "aiohttp.web", "requests", "clientflow_core.sandbox")
heavy = [name for name in unwanted if name in sys.modules]
assert not heavy, heavy
"""


def test_importing_the_plugin_imports_neither_sdk_nor_web_server() -> None:
    subprocess.run([sys.executable, "-W", "error", "-c", PROGRAM], check=True, timeout=30)
