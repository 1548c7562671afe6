"""`?as_of=` on a door that reads: the same answer as it was at a version, a position or a time."""

from typing import Annotated

from msgspec import Meta

from eventstore.api.pages import Query
from eventstore.api.problems import Problem
from eventstore.moments import Moment, UnreadableMoment, parse

AsOfText = Annotated[
    str,
    Meta(max_length=20_000, description="A time with its zone (RFC 3339), a version number, or a position as Event-Position tells it."),
]


class PastQuery(Query):
    """As of when; now without it."""

    as_of: AsOfText | None = None


def read_moment(told: str, name: str = "as_of") -> Moment:
    """Raises Problem (422) that points at the parameter or field."""
    try:
        return parse(told)
    except UnreadableMoment as error:
        raise unreadable(str(error), name) from error


def unreadable(detail: str, name: str = "as_of") -> Problem:
    return Problem("as_of_invalid", detail, errors=[{"pointer": f"#/{name}", "parameter": name, "detail": detail, "code": "moment"}])
