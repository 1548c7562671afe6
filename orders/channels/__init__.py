"""Channels: what other systems send, in our words. Their dirt stops here: rows become commands or are refused with a reason."""
