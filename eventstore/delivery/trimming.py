"""How much of a stream Redis has to keep: a fixed stretch behind the relay. Whoever is further behind reads the log."""

from django.db import connection

from eventstore.conf import conf
from eventstore.delivery.transports import transport


def trim() -> int:
    """Drop the oldest entries of every stream; return how many went. A paused consumer does not make Redis grow."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT p.id, p.epoch, r.position FROM eventstore_partition p
               JOIN eventstore_relaycheckpoint r ON r.partition = p.id WHERE r.position > %s""",
            [conf().KEEP_IN_STREAM],
        )
        lanes = cursor.fetchall()
    return sum(transport().trim(partition, epoch, position - conf().KEEP_IN_STREAM) for partition, epoch, position in lanes)
