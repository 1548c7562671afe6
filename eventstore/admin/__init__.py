"""The screens of the event store, one a file. Django finds them here and registers them."""

from eventstore.admin.api_keys import ApiKeyAdmin
from eventstore.admin.consumers import ConsumerAdmin
from eventstore.admin.events import EventAdmin
from eventstore.admin.parked_keys import ParkedKeyAdmin

__all__ = ["ApiKeyAdmin", "ConsumerAdmin", "EventAdmin", "ParkedKeyAdmin"]
