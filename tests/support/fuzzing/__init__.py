"""A differential fuzzer: every family, value, dtype, layout and magnitude against brute force in fractions (`make fuzz`)."""
