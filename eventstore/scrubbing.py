"""Error texts without the values they quote: a payload stays in the log and is read there, with the right to."""

import re

_HIDDEN = "…"
#: Mail addresses, bearer tokens and keys, and long quoted values, wherever an exception prints them.
_PATTERNS = (
    re.compile(r"[\w.+-]+@[\w-]+\.[\w.]+"),
    re.compile(r"(?i)(?<=bearer )\S+|(?<=api-key )\S+|(?<=password=)\S+|(?<=://)[^/@\s]+(?=@)"),
    re.compile(r"(?<=')[^'\n]{60,}(?=')|(?<=\")[^\"\n]{60,}(?=\")"),
    re.compile(r"(?m)(?<=^DETAIL: ).*$"),
)


def scrub(text: str) -> str:
    """The text with whatever looks like a secret, an address or a payload replaced by an ellipsis. Without NUL: PostgreSQL refuses it."""
    for pattern in _PATTERNS:
        text = pattern.sub(_HIDDEN, text)
    return text.replace("\x00", "")
