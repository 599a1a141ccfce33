"""Credits to advantages of completions, segments and tokens."""
