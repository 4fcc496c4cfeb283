"""Laws of profile."""
