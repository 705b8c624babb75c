"""A table: its content, fragments joined into one, its card, and its files on disk."""
