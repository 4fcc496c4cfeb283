"""Access rules in the GraphQL schema: personal fields, root fields and the selection of a document."""
