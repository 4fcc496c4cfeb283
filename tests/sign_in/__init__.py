"""Laws of sign in."""
