"""Doors on the command line. Others may stand on Door, too."""

from eventstore.management.doors import Door

__all__ = ["Door"]
