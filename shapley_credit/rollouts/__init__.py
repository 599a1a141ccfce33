"""Credit for rows: tables with one row a completion, an id of its group and what a utility needs."""
