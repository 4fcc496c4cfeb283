"""Laws of statistics."""
