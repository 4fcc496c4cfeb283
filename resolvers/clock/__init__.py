"""The time of a process, and the marks that show whether it can be right."""
