"""From arguments to checked arrays."""
