"""What a kernel refuses."""


class LimitError(ValueError):
    """A problem is too large for the only way that a kernel has to solve it; the message says what to do instead."""
