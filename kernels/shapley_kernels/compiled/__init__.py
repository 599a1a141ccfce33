"""All that compiled kernels may call: the content of this folder is part of the name under which they are kept."""
