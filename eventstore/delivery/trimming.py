"""How much of a stream Redis has to keep: what its slowest consumer still needs, and a margin for outside readers."""

from django.db import connection

from eventstore.conf import conf
from eventstore.delivery.transports import transport


def trim() -> int:
    """Drop what nobody needs any more from every stream; return how many entries went. A wrong trim costs only reads from the log."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT p.id, p.epoch, least(r.position, coalesce(min(c.position), r.position)) FROM eventstore_partition p
               JOIN eventstore_relaycheckpoint r ON r.partition = p.id
               LEFT JOIN eventstore_checkpoint c ON c.partition = p.id AND c.until IS NULL GROUP BY p.id, p.epoch, r.position"""
        )
        lanes = cursor.fetchall()
    return sum(
        transport().trim(partition, epoch, position - conf().KEEP_IN_STREAM)
        for partition, epoch, position in lanes
        if position > conf().KEEP_IN_STREAM
    )
