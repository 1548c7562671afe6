"""Orders: what customers want, from placing to cancelling, and what became of it."""
