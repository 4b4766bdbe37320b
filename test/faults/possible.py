"""What this machine may not allow."""


class NotPossible(Exception):
    """The reason is its text."""
