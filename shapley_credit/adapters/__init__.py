"""Credit inside the trainers that people use: one module a framework, each of which imports its framework only when used."""
