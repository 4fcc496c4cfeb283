"""Laws of commands."""
