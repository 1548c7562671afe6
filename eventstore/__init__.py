"""The event store: an append-only log, its delivery, and what follows from it. The public faces are the sub-packages."""
