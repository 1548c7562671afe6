"""Doors on the command line. Others may stand on Door, too."""

from eventstore.management.doors import Door, VerbDoor, at_the_shell

__all__ = ["Door", "VerbDoor", "at_the_shell"]
