"""Supabase's issuer proves what every one has to."""

from clientflow_core.testing import IdentityConformance
from clientflow_plugins.supabase.spec import SUPABASE


class TestSupabase(IdentityConformance):
    spec = SUPABASE
