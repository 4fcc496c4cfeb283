"""The GraphQL schema as declarations; what a field answers is decided below."""
