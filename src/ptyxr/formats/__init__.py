"""One module a format: its key table, its engine, its writer."""
