"""The GraphQL schema. It only declares: the code of each field is in `resolvers`."""
