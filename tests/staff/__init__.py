"""Laws of staff."""
