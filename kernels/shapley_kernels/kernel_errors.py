"""What a kernel refuses."""


class LimitError(ValueError):
    """A problem is too large for the only way that a kernel has to solve it; the message says what to do instead."""


class NotFiniteError(ValueError):
    """Data that nobody had looked at, or credits, turned out not to be finite; who has their names says which."""
