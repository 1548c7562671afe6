"""Where rules keep what they remember: a row for each key that waits, loaded and written in one statement each.

Past the ORM, as read rows are: most of what is placed is confirmed, so most rows come and go.
"""

from collections.abc import Collection, Mapping

import msgspec

from eventstore.absences.waits import Wait
from eventstore.statements import ask_all, tell

FIELDS = Wait.__struct_fields__
_columns = ", ".join(FIELDS)

LOAD = f"SELECT key, {_columns} FROM eventstore_awaited WHERE rule = %s AND key = ANY(%s) ORDER BY key FOR UPDATE"
FORGET = "DELETE FROM eventstore_awaited WHERE rule = %s AND key = ANY(%s)"
KEEP = (
    f"INSERT INTO eventstore_awaited (rule, key, {_columns}) "
    f"SELECT rule, key, {_columns} FROM json_populate_recordset(NULL::eventstore_awaited, %s) ORDER BY key "
    f"ON CONFLICT (rule, key) DO UPDATE SET {', '.join(f'{field} = EXCLUDED.{field}' for field in FIELDS)}"
)


def load(rule: str, keys: Collection[str]) -> dict[str, Wait]:
    """What is remembered of these keys; their rows stay locked, so that no sweep raises what is being answered."""
    found = ask_all(LOAD, [rule, list(keys)], prepare=False, binary=True)
    return {key: Wait(**dict(zip(FIELDS, values, strict=True))) for key, *values in found}


def keep(rule: str, waits: Mapping[str, Wait], *, answers: bool) -> None:
    """Write it back. Where nothing waits there is no row, unless `answers` have to be remembered."""
    idle = [key for key, wait in waits.items() if wait.since is None and not answers]
    rows = [msgspec.to_builtins(wait) | {"rule": rule, "key": key} for key, wait in waits.items() if wait.since or answers]
    if idle:
        tell(FORGET, [rule, idle])
    if rows:
        tell(KEEP, [msgspec.json.encode(rows).decode()])
