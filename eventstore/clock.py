"""The time and fresh ids of this process: what tests hold still. Due times use the database's clock instead."""

from datetime import UTC, datetime
from uuid import UUID

from uuid_utils.compat import uuid7


def now() -> datetime:
    """The time of this process, in UTC."""
    return datetime.now(UTC)


def new_id() -> UUID:
    """A fresh UUIDv7: ids made later sort later."""
    return uuid7()
