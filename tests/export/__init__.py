"""Laws of export."""
