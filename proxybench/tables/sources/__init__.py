"""Raw source files: the registry that names them, and how they reach the cache, verified."""
