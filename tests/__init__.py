"""Laws of the product, each named for the rule that it proves."""
