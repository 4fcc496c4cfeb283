"""What an operator can mend: a sentence, without a stack trace."""


class Fault(Exception):
    """The command did nothing, and why."""
