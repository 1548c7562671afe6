"""Which partition a stream lives in."""

from zlib import crc32

from eventstore.conf import conf


def partition_of(stream: str) -> int:
    """The partition of a stream: a stable hash of its name, the same in every process and release."""
    return crc32(stream.encode()) % conf().PARTITIONS
