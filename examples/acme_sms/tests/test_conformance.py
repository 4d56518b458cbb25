"""What every channel provider has to prove; the kit brings the tests."""

from clientflow_core.testing import ChannelConformance

from clientflow_acme_sms.sandbox import AcmeSmsSandbox
from clientflow_acme_sms.spec import ACME_SMS


class TestAcmeSms(ChannelConformance):
    spec = ACME_SMS
    sandbox = AcmeSmsSandbox
