"""Floors and peers: the same work by hand or by somebody else's library, with the same durability. Each says why it is fair."""
