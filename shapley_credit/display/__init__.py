"""Credits as tables: plain text, HTML, rich, and frames."""
