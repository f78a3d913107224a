"""The drawing page, and reading digits over HTTP."""
