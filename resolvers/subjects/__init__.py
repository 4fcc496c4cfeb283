"""The one reader of personal columns, the grounds for access, and how people are stored."""
