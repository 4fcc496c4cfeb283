"""Laws of consent."""
