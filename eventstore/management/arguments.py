"""Words of a command line into values, each with a sentence when it does not fit."""

import json
import sys
from argparse import ArgumentTypeError
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from eventstore.moments import Moment, UnreadableMoment, parse

#: What stands in the history when nobody said why.
UNSAID = "asked for on the command line"


def moment(word: str) -> datetime:
    """A time as ISO 8601 writes it; without a zone it is UTC."""
    try:
        told = datetime.fromisoformat(word)
    except ValueError:
        raise ArgumentTypeError(f"{word!r} is not a time; write it as 2026-10-24T08:00Z.") from None
    return told if told.tzinfo else told.replace(tzinfo=UTC)


def past(word: str) -> Moment:
    """A position or a time, for what has no versions."""
    try:
        told = parse(word, utc=True)
    except UnreadableMoment as error:
        raise ArgumentTypeError(str(error)) from None
    if told.version is not None:
        raise ArgumentTypeError(f"{word} is a version, which only one stream has; write a position (7-1234) or a time.")
    return told


def positive(word: str) -> int:
    """A whole number from 1."""
    if not word.isdecimal() or int(word) < 1:
        raise ArgumentTypeError(f"{word!r} is not a whole number from 1.")
    return int(word)


def json_object(word: str) -> dict[str, Any]:
    """A JSON object that stands in the argument itself."""
    try:
        told = json.loads(word)
    except ValueError as error:
        raise ArgumentTypeError(f"it is not JSON: {error}.") from None
    if not isinstance(told, dict):
        raise ArgumentTypeError("it is JSON and no object; it begins with {.")
    return told


def json_file(word: str) -> dict[str, Any]:
    """A JSON object from a file, or from stdin when the word is -."""
    try:
        return json_object(sys.stdin.read() if word == "-" else Path(word).read_text())
    except (OSError, UnicodeDecodeError) as error:
        raise ArgumentTypeError(f"{word} cannot be read: {error}.") from None
