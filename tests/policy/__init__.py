"""Laws of policy."""
