"""Laws of http."""
