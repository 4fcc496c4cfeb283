"""Laws of hashing."""
