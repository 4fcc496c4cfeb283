"""Laws of operations."""
