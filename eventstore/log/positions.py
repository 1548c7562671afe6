"""A position token: how far the log was, as clients carry it between a write and a read."""

import re
from typing import Self

import msgspec

_token = re.compile(r"\d{1,5}-\d{1,18}(\.\d{1,5}-\d{1,18}){0,1023}", re.ASCII)


class Position(msgspec.Struct, frozen=True):
    """The head of each partition that matters, as `7-1234` or `3-17.7-1234` (partition-position). Opaque to clients."""

    heads: dict[int, int]

    def __str__(self) -> str:
        return ".".join(f"{partition}-{position}" for partition, position in sorted(self.heads.items()))

    @classmethod
    def parse(cls, token: str) -> Self:
        """Raises ValueError with a sentence."""
        if not _token.fullmatch(token):
            raise ValueError(f"{token[:40]!r} is not a position; send back an Event-Position that this service gave you.")
        pairs = (pair.split("-") for pair in token.split("."))
        return cls({int(partition): int(position) for partition, position in pairs})

    def reached_by(self, heads: dict[int, int]) -> bool:
        """Whether a reader that stands at these heads has seen everything up to this position."""
        return all(heads.get(partition, 0) >= position for partition, position in self.heads.items())
