"""Doors on the command line. Others may stand on Door, too."""

from eventstore.management.doors import Door, VerbDoor

__all__ = ["Door", "VerbDoor"]
