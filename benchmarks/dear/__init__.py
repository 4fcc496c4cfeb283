"""What the search for the dearest document is made of: people, documents and their measurement."""
