"""Lists in pages: opaque cursors that stay true while rows are added, and query parameters that are checked like bodies."""

import binascii
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Callable
from typing import Annotated, Any, TypeVar

import msgspec
from django.db.models import QuerySet
from django.http import HttpRequest
from msgspec import Meta

from eventstore.api.problems import Mistake, Problem
from eventstore.messages import Value

Limit = Annotated[int, Meta(ge=1, le=200, description="How many at most.")]
Cursor = Annotated[str, Meta(min_length=1, max_length=20_000, description="`next_cursor` of the page before.")]

Q = TypeVar("Q", bound="Query")


class Query(Value, forbid_unknown_fields=True):
    """The query parameters of a door: subclass it with their types and defaults. This one takes none."""


class ListQuery(Query):
    """The query parameters of every list."""

    limit: Limit = 50
    cursor: Cursor | None = None


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """One page of a list."""

    data: list[Any]
    next_cursor: str | None = None
    has_more: bool = False


def read_query(shape: type[Q], request: HttpRequest) -> Q:
    """Query parameters as a Struct. Raises Problem naming each that is unknown, or the one that does not fit."""
    given: dict[str, str] = {}
    mistakes: list[Mistake] = []
    for name, values in request.GET.lists():
        if name not in shape.__struct_fields__:
            mistakes.append(_mistake(name, f"There is no such parameter; known: {', '.join(shape.__struct_fields__) or 'none'}."))
        elif len(values) > 1:
            mistakes.append(_mistake(name, "Send it once."))
        elif "\0" in values[0] or "\ufffd" in values[0]:
            mistakes.append(_mistake(name, "It holds a character that no text has."))
        given[name] = values[-1]
    if mistakes:
        raise Problem("invalid_parameter", errors=mistakes)
    try:
        return msgspec.convert(given, shape, strict=False)
    except msgspec.ValidationError as error:
        sentence, _, path = str(error).partition(" - at `$.")
        raise Problem("invalid_parameter", errors=[_mistake(path.rstrip("`"), sentence)]) from error


def paginate(rows: QuerySet[Any], query: ListQuery, *, by: str, show: Callable[[Any], Any]) -> Page:
    """Rows newest first by a unique column. A cursor is the last value shown, so rows that are added move nothing."""
    if query.cursor is not None:
        try:
            after = rows.model._meta.get_field(by).to_python(from_cursor(query.cursor))
        except Exception as error:  # whatever a column's own parser raises
            raise Problem("invalid_cursor") from error
        rows = rows.filter(**{f"{by}__lt": after})
    found = list(rows.order_by(f"-{by}")[: query.limit + 1])
    shown, more = found[: query.limit], len(found) > query.limit
    return Page(
        data=[show(row) for row in shown],
        next_cursor=to_cursor(str(getattr(shown[-1], by))) if more else None,
        has_more=more,
    )


def to_cursor(value: str) -> str:
    """Opaque to clients: what is inside may change."""
    return urlsafe_b64encode(value.encode()).decode().rstrip("=")


def from_cursor(cursor: str) -> str:
    """What a cursor holds. Raises Problem."""
    try:
        told = b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise Problem("invalid_cursor") from error
    if not told.isprintable():
        raise Problem("invalid_cursor")
    return told


def link_to_next(request: HttpRequest, cursor: str) -> str:
    """The Link header of a page that is not the last (RFC 8288)."""
    parameters = request.GET.copy()
    parameters["cursor"] = cursor
    return f'<{request.path}?{parameters.urlencode()}>; rel="next"'


def _mistake(name: str, detail: str) -> Mistake:
    return {"parameter": name[:100], "detail": detail, "code": "parameter"}
