"""What a kernel refuses."""


class LimitError(ValueError):
    """A problem is too large for the only way that a kernel has to solve it; the message says what to do instead."""


class NotFiniteError(ValueError):
    """Unchecked data or credits are not finite; the caller knows the field names and reports which one."""


class NotSymmetricError(ValueError):
    """Unchecked matrices are not symmetric, or not finite; the caller reports the field and the entry."""
