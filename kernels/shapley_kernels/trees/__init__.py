"""Coalition trees as kernels see them, and the engines that solve games on them."""
