"""Schemas: what events promise to whoever reads them, kept by name and version, and whether the next version keeps the promise."""

from eventstore.schemas.catalogue import Entry, Step, catalogue, entries, step_between
from eventstore.schemas.compatibility import Misfit, breaks, differences, misfits
from eventstore.schemas.derivation import comparable, notification_of, schema_of
from eventstore.schemas.history import Looked, Unread, check_history
from eventstore.schemas.offers import Offer, offers, owners
from eventstore.schemas.publishing import Finding, Published, compare
from eventstore.schemas.registry import WouldBreakReaders, examine, known_schemas, publish_all
from eventstore.schemas.shelves import Key, app_of, file_of, read_shelves, write_shelves

__all__ = [
    "Entry",
    "Finding",
    "Key",
    "Looked",
    "Misfit",
    "Offer",
    "Published",
    "Step",
    "Unread",
    "WouldBreakReaders",
    "app_of",
    "breaks",
    "catalogue",
    "check_history",
    "comparable",
    "compare",
    "differences",
    "entries",
    "examine",
    "file_of",
    "known_schemas",
    "misfits",
    "notification_of",
    "offers",
    "owners",
    "publish_all",
    "read_shelves",
    "schema_of",
    "step_between",
    "write_shelves",
]
