"""One file a question; each prints a table, then one JSON object."""
