"""The channel smtp proves what every channel has to."""

from typing import ClassVar

from clientflow_core.testing import ChannelConformance
from clientflow_plugins.smtp.spec import SMTP


class TestSmtp(ChannelConformance):
    spec = SMTP
    recipient: ClassVar[str] = "ada@example.org"
