"""Random single-line mutants of the library, and the tests that ought to refuse them (`make mutants`)."""
