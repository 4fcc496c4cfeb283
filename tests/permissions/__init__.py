"""Laws of permissions."""
