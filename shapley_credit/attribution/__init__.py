"""What each of a list of things adds to a score of those that are kept: documents, sections of a prompt, tools, agents."""
