"""What an event must say to be shown: `data.total > 1000 and data.customer_ref = C1`, read into a query with parameters."""

import re
from decimal import Decimal
from typing import Any

import msgspec
from django.db.models import BooleanField
from django.db.models.expressions import RawSQL

from eventstore.errors import EventStoreError
from eventstore.messages import Value, encode

_condition = re.compile(r"\s*(?P<path>[^\s=<>!~]+)\s*(?P<operator>==|!=|<=|>=|=|<|>|~)\s*(?P<value>.*?)\s*", re.DOTALL)
_step = re.compile(r"(?P<name>[\w-]{1,100})(?P<any>\[\])?")
_number = re.compile(r"-?\d{1,60}(\.\d{1,60})?([eE][+-]?\d{1,2})?", re.ASCII)
_and = re.compile(r"""\s+and\s+(?=(?:[^"]*"[^"]*")*[^"]*$)""", re.IGNORECASE)

LONGEST = 500
#: A payload's numbers are often texts (amounts are): a text that is a number counts as one.
_NUMERIC = r"'^-?[0-9]{1,60}(\.[0-9]{1,60})?$'"


class UnreadableFilter(EventStoreError):
    """“{text}” is not a condition: {problem}. Write for example data.total > 1000 and data.lines[].sku = "85123A"."""


class Condition(Value):
    """One comparison. `path` leads into the column `data` or `facts`; a step that ends in [] means any element of a list."""

    column: str
    path: tuple[str, ...]
    operator: str
    value: str
    quoted: bool = False

    @property
    def is_number(self) -> bool:
        return not self.quoted and bool(_number.fullmatch(self.value))


def parse(text: str) -> list[Condition]:
    """The conditions of a filter, all of which must hold. Raises UnreadableFilter."""
    if len(text) > LONGEST:
        raise UnreadableFilter(text=text[:40] + "…", problem=f"it is longer than {LONGEST} characters")
    return [_read(part) for part in _and.split(text.strip())] if text.strip() else []


def _read(text: str) -> Condition:
    found = _condition.fullmatch(text)
    if found is None:
        raise UnreadableFilter(text=text, problem="it needs a path, one of = != > >= < <= ~ and a value")
    column, _, rest = found["path"].partition(".")
    path = tuple(rest.split("."))
    operator = "=" if found["operator"] == "==" else found["operator"]
    if column not in ("data", "facts") or not rest:
        raise UnreadableFilter(text=text, problem="its path must begin with data or facts, then a point")
    if not all(_step.fullmatch(step) for step in path):
        raise UnreadableFilter(text=text, problem=f"“{rest}” is not a path of names, numbers and [] with points between them")
    if any(step.endswith("[]") for step in path) and operator != "=":
        raise UnreadableFilter(text=text, problem="any element of a list ([]) can only be compared with =")
    value, quoted = _unquote(text, found["value"])
    return Condition(column=column, path=path, operator=operator, value=value, quoted=quoted)


def _unquote(text: str, value: str) -> tuple[str, bool]:
    if "\x00" in value:
        raise UnreadableFilter(text=text.replace("\x00", "␀"), problem="no payload holds a NUL character")
    if not value:
        raise UnreadableFilter(text=text, problem='the value is missing; nothing at all is ""')
    if value[0] != '"':
        return value, False
    try:
        return msgspec.json.decode(value, type=str), True
    except msgspec.DecodeError:
        raise UnreadableFilter(text=text, problem="the quotation mark is not closed") from None


def predicate(conditions: list[Condition]) -> RawSQL:
    """The conditions as one expression for .filter(); every value and every step of a path is a parameter."""
    parts = [_sql(condition) for condition in conditions]
    values = [value for _, given in parts for value in given]
    return RawSQL(" AND ".join(f"({sql})" for sql, _ in parts), values, output_field=BooleanField())


def _sql(asked: Condition) -> tuple[str, list[Any]]:
    if any(step.endswith("[]") for step in asked.path):
        return _contains(asked)
    at, path = f"{asked.column} #>> %s::text[]", list(asked.path)
    if asked.operator == "~":
        return f"strpos(lower({at}), lower(%s)) > 0", [path, asked.value]
    if asked.value == "null" and not asked.quoted and asked.operator in ("=", "!="):
        return f"({at}) IS {'NOT ' if asked.operator == '!=' else ''}NULL", [path]
    if asked.is_number:
        operator = "=" if asked.operator == "!=" else asked.operator
        # CASE, because AND may be evaluated in any order and a cast of a word to a number is an error.
        sql = f"coalesce(CASE WHEN ({at}) ~ {_NUMERIC} THEN ({at})::numeric {operator} %s::numeric END, false)"
        return f"NOT {sql}" if asked.operator == "!=" else sql, [path, path, asked.value]
    if asked.operator == "!=":
        return f"({at}) IS DISTINCT FROM %s", [path, asked.value]
    return f'({at}) COLLATE "C" {asked.operator} %s', [path, asked.value]


def _contains(asked: Condition) -> tuple[str, list[Any]]:
    """Any element of a list: containment of a document that holds just this one."""
    words = {"true": True, "false": False, "null": None}
    values: list[Any] = [words[asked.value] if asked.value in words and not asked.quoted else asked.value]
    if asked.is_number:
        values.append(msgspec.Raw(str(Decimal(asked.value)).encode()))  # 007 is a number to people, not to JSON
    return " OR ".join([f"{asked.column} @> %s::jsonb"] * len(values)), [_around(asked.path, value) for value in values]


def _around(path: tuple[str, ...], value: Any) -> str:
    document = value
    for step in reversed(path):
        found = _step.fullmatch(step)
        name, is_list = (found["name"], found["any"]) if found else (step, None)
        document = {name: [document] if is_list else document}
    return encode(document).decode()
