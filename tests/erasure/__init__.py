"""Laws of erasure."""
