"""Laws of sessions."""
