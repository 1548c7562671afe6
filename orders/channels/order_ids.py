"""The id of an order that came from elsewhere: made of its channel and number alone, so that it is the same order whenever it comes."""

from uuid import UUID, uuid5

ORDER_IDS = UUID("6f0ac0f6-2a3c-5d0f-9a53-0c6f3d9a7b1e")


def order_id_of(channel: str, serial: int) -> UUID:
    """A UUIDv8 (RFC 9562): the serial in front, a hash of both behind.

    Lists go by id, newest first. Ids made here begin with the time, so foreign orders stand after our own, in their order.
    """
    behind = uuid5(ORDER_IDS, f"{channel}:{serial}").int & ((1 << 76) - 1)
    return UUID(int=serial << 80 | 8 << 76 | behind)
