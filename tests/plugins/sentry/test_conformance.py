"""Sentry's observer proves what every observer has to."""

from clientflow_core.testing import ObserverConformance
from clientflow_plugins.sentry.spec import SENTRY


class TestSentry(ObserverConformance):
    spec = SENTRY
