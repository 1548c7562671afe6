"""The same request twice has one effect and one answer: the answer is kept in the transaction of the effect."""

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from hashlib import blake2b, sha256
from typing import Self
from uuid import UUID

import msgspec
from django.http import HttpRequest

from eventstore.api.problems import Problem
from eventstore.clock import now
from eventstore.log import Position, read_event
from eventstore.models import IdempotencyKey
from eventstore.statements import ask, tell

KEPT = timedelta(days=7)

_key = re.compile(r'"([\x20\x21\x23-\x7e]{1,255})"|([\x21\x23-\x7e][\x20\x21\x23-\x7e]{0,254})', re.ASCII)


class Ticket(msgspec.Struct, frozen=True):
    """One intention of one caller."""

    id: UUID
    scope: str
    key: str
    fingerprint: bytes

    @classmethod
    def of(cls, key: str, caller: str, request: HttpRequest, canonical: bytes) -> Self:
        scope = f"{caller} {request.method} {request.path}"
        digest = blake2b(f"{scope}\0{key}".encode(), digest_size=16).digest()
        return cls(UUID(bytes=digest), scope, key, sha256(canonical).digest())


class Kept(msgspec.Struct, frozen=True):
    """An answer as it was given."""

    status: int
    headers: dict[str, str]
    body: str
    event_ids: list[UUID] = []


def read_key(request: HttpRequest) -> str | None:
    """The Idempotency-Key of a request, bare or as a quoted sf-string. Raises Problem when it is malformed."""
    told = request.META.get("HTTP_IDEMPOTENCY_KEY")
    if told is None:
        return None
    match = _key.fullmatch(told.strip())
    if match is None:
        raise Problem("idempotency_key_invalid")
    return match[1] or match[2]


# One round trip. Its snapshot may be older than the lock: then the row of whoever finished in between is not seen
# here, and keep() meets it on the primary key.
CLAIM = """
SELECT pg_try_advisory_xact_lock(%s), k.fingerprint, k.status, k.headers, k.body, k.event_ids
FROM (SELECT) AS one LEFT JOIN eventstore_idempotencykey k ON k.id = %s
"""

KEEP = """
INSERT INTO eventstore_idempotencykey (id, scope, key, fingerprint, status, headers, body, event_ids, expires_at)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s::uuid[], %s) ON CONFLICT DO NOTHING
"""


def claim(ticket: Ticket) -> Kept | None:
    """Take the key until this transaction ends; what was answered before, if anything. Raises Problem (409, 422)."""
    lock = int.from_bytes(ticket.id.bytes[:8], signed=True)
    free, fingerprint, *kept = ask(CLAIM, [lock, ticket.id]) or ()
    if fingerprint is None:
        if not free:
            raise Problem("idempotency_in_progress", headers={"Retry-After": "1"})
        return None
    return _same(ticket, bytes(fingerprint), *kept)


def keep(ticket: Ticket, status: int, headers: Mapping[str, str], body: bytes, event_ids: Sequence[UUID] = ()) -> bool:
    """Write down an answer; False when somebody else answered this key meanwhile. The primary key is the guard."""
    told = msgspec.json.encode(dict(headers)).decode()
    row = [ticket.id, ticket.scope, ticket.key, ticket.fingerprint, status, told, body.decode(), list(event_ids), now() + KEPT]
    return bool(tell(KEEP, row))


def recall(ticket: Ticket) -> Kept:
    """What somebody else answered meanwhile. Raises Problem (422)."""
    row = IdempotencyKey.objects.get(pk=ticket.id)
    return _same(ticket, bytes(row.fingerprint), row.status, row.headers, row.body, row.event_ids)


def position_of(event_ids: Sequence[UUID]) -> Position | None:
    """Where the events of a kept answer stand."""
    found = [envelope for envelope in map(read_event, event_ids) if envelope]
    return Position({envelope.partition: envelope.position for envelope in found}) if found else None


def _same(ticket: Ticket, fingerprint: bytes, status: int, headers: str | dict[str, str], body: str, event_ids: list[UUID]) -> Kept:
    if fingerprint != ticket.fingerprint:
        raise Problem("idempotency_key_reused")
    return Kept(status, msgspec.json.decode(headers) if isinstance(headers, str) else headers, body, list(event_ids))
