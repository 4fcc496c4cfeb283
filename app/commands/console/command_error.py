"""The error that a command shows as one sentence, without a stack trace."""


class CommandError(Exception):
    """A command cannot run. The message says why and what to do."""
