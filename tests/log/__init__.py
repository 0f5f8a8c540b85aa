"""The log: what both promise, and what each does by itself."""
