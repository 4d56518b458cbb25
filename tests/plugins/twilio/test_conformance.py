"""Twilio's channel proves what every channel has to."""

from clientflow_core.testing import ChannelConformance
from clientflow_plugins.twilio.spec import TWILIO


class TestTwilio(ChannelConformance):
    spec = TWILIO
