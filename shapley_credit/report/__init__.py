"""From files to tables that a person reads; needs the report extra."""
