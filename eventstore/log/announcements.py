"""What the log tells the rest of the house after COMMIT."""

from django.dispatch import Signal

#: Sent with `partitions` (a sorted list) after events were committed. A hint, not a promise: a crash loses it.
events_committed = Signal()
