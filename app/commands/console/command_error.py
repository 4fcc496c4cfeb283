"""What an operator can mend: a sentence, without a stack trace."""


class CommandError(Exception):
    """The command did nothing, and why."""
