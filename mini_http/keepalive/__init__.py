"""Many connections, kept alive: the pool, its policy and its key."""
