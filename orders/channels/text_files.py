"""A text file that somebody sent: read line by line, numbered, in whatever encoding it is, never more than a line at once."""

import codecs
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

#: Characters in a line; more than that is not a row but a broken file.
LONGEST = 10_000


class NumberedLine(NamedTuple):
    """A line with its number in the file; `text` is None when it is too long to be one."""

    number: int
    text: str | None


class TextFile:
    """The lines of a file. UTF-8; bytes that are not are read as Windows-1252, where an old export writes its £."""

    def __init__(self, path: Path) -> None:
        """Raises ValueError with a sentence when there is nothing to read."""
        self.path = path
        try:
            found = path.stat()
        except FileNotFoundError:
            raise ValueError(f"There is no file {path}.") from None
        except OSError as error:
            raise ValueError(f"{path} cannot be read: {error.strerror}.") from error
        if stat.S_ISDIR(found.st_mode):
            raise ValueError(f"{path} is a folder; name the file in it.")
        if not stat.S_ISREG(found.st_mode):
            raise ValueError(f"{path} is not a file; it is read twice, so save it to one first.")
        if not found.st_size:
            raise ValueError(f"{path} is empty.")
        self.size = found.st_size
        self.position = 0  #: bytes read so far

    def __iter__(self) -> Iterator[NumberedLine]:
        try:
            with self.path.open(encoding="utf-8-sig", errors="daybook.cp1252") as file:
                number = 0
                while text := file.readline(LONGEST):
                    number += 1
                    whole = text.endswith("\n") or len(text) < LONGEST
                    while not whole and (rest := file.readline(LONGEST)):
                        whole = rest.endswith("\n")
                        text = ""
                    self.position = file.buffer.raw.tell() if hasattr(file.buffer, "raw") else 0
                    yield NumberedLine(number, text or None)
        except OSError as error:
            raise ValueError(f"{self.path} cannot be read: {error.strerror}.") from error


def _windows(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return error.object[error.start : error.end].decode("cp1252", errors="replace"), error.end


codecs.register_error("daybook.cp1252", _windows)
