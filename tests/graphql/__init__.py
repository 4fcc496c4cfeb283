"""Laws of graphql."""
