"""A stand-in for Supabase Auth, as far as the plugin uses it."""

from clientflow_plugins.supabase.sandbox.server import SupabaseSandbox

__all__ = ["SupabaseSandbox"]
