"""Laws of second factor."""
