"""The guards in the GraphQL schema: fields, root fields and what a document selects."""
