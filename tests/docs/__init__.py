"""Laws of docs."""
