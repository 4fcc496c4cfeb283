"""Laws of mail."""
