"""Utilities that only a model can answer: which coalitions to ask, asking them, and what the answers say."""
