"""Values as staff read them: money, times, ages, large numbers, JSON. Plain text in, safe HTML out where there are marks."""

import json
import re
from datetime import UTC, datetime
from typing import Any

from django.urls import reverse
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString, mark_safe

#: ISO 4217: how many digits follow the point, where it is not two.
_POINTS = {0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF", 3: "BHD IQD JOD KWD LYD OMR TND", 4: "CLF UYW"}
EXPONENTS = {currency: digits for digits, currencies in _POINTS.items() for currency in currencies.split()}

#: Anything shorter than a whole id of ours would be taken for one too often.
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_money = re.compile(r"(\d{1,30}) ([A-Z]{3})")
_token = re.compile(r'(?P<key>"(?:[^"\\]|\\.)*")(?=\s*:)|(?P<text>"(?:[^"\\]|\\.)*")|(?P<word>true|false|null)|(?P<number>-?\d[\d.eE+-]*)')

#: Which of the five tones a state has. The word itself is always there: colours never speak alone.
TONES = {
    "running": "ok",
    "placed": "info",
    "confirmed": "ok",
    "pending": "info",
    "posted": "ok",
    "expired": "warn",
    "rejected": "warn",
    "done": "ok",
    "resolved": "ok",
    "open": "ok",
    "balanced": "ok",
    "retrying": "warn",
    "paused": "warn",
    "waiting": "warn",
    "behind": "warn",
    "catching up": "info",
    "ready": "info",
    "completed": "ok",
    "granted": "ok",
    "processed": "ok",
    "waits": "warn",
    "begun": "warn",
    "compensating": "warn",
    "late": "warn",
    "passed": "warn",
    "refused": "warn",
    "in trouble": "bad",
    "unknown": "bad",
    "failed": "bad",
    "failed again": "bad",
    "missing": "bad",
    "dead": "bad",
    "stopped": "bad",
}


def decimals(amount: int, exponent: int) -> str:
    """Minor units with a point and thousands: 123456 and 2 make 1,234.56."""
    sign, digits = ("−" if amount < 0 else ""), str(abs(amount)).rjust(exponent + 1, "0")
    whole, fraction = (digits[:-exponent], "." + digits[-exponent:]) if exponent else (digits, "")
    return f"{sign}{int(whole):,}{fraction}"


def money(amount: Any, currency: str) -> str:
    """An amount of minor units in its currency, such as 1,234.56 GBP."""
    return f"{decimals(int(amount or 0), EXPONENTS.get(currency, 2))} {currency}".strip()


def pill(state: str, tone: str = "") -> SafeString:
    """A state as a small label."""
    return format_html('<span class="pill {}">{}</span>', tone or TONES.get(state, "quiet"), state)


def shorten(text: object, keep: int = 8) -> str:
    """An id by its last characters: the first ones of a UUIDv7 are its time, and alike in all ids of a minute."""
    return UUID.sub(lambda found: "…" + found[0][-keep:], str(text))


def linked(text: object) -> SafeString:
    """A sentence or a name whose ids lead to whatever they name."""
    shown, parts, at, jump = str(text), [], 0, reverse("admin:jump")
    for found in UUID.finditer(shown):
        parts += [escape(shown[at : found.start()]), format_html('<a href="{}?q={}">{}</a>', jump, found[0], found[0])]
        at = found.end()
    return mark_safe("".join([*parts, escape(shown[at:])]))


def told(fact: object) -> str:
    """A fact that somebody gave along, as a person reads it: 725000 USD are minor units, as everywhere in events."""
    found = _money.fullmatch(str(fact))
    return money(found[1], found[2]) if found else str(fact)


def copyable(text: object, shown: str = "") -> SafeString:
    """An id that is copied by a click."""
    return format_html('<button type="button" class="copy mono" data-copy="{}" title="Copy {}">{}</button>', text, text, shown or text)


def duration(seconds: float) -> str:
    """A span of time by its largest unit: 0.4 s, 12 s, 5 min, 3 h, 2 d."""
    if seconds < 1:
        return f"{seconds:.1f} s" if seconds >= 0.05 else "0 s"
    for limit, size, unit in ((90, 1, "s"), (5400, 60, "min"), (129_600, 3600, "h")):
        if seconds < limit:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds / 86_400:.0f} d"


def moment(at: datetime | None, *, relative: bool = False) -> SafeString:
    """A time in UTC; the page keeps relative ones up to date, and shows the other form when pointed at."""
    if at is None:
        return mark_safe('<span class="quiet">–</span>')
    at = at.astimezone(UTC)
    exact = f"{at:%Y-%m-%d %H:%M:%S}"
    shown = ago(at) if relative else exact
    return format_html(
        '<time datetime="{}" title="{} UTC"{}>{}</time>', at.isoformat(), f"{exact}.{at:%f}"[:-3], " data-ago" if relative else "", shown
    )


def ago(at: datetime) -> str:
    """How long ago, or how soon."""
    seconds = (datetime.now(UTC) - at).total_seconds()
    if abs(seconds) < 1:
        return "now"
    return f"{duration(seconds)} ago" if seconds > 0 else f"in {duration(-seconds)}"


def roughly(number: int | None) -> str:
    """A large number in few digits: 2.1 M. Nothing known is a dash."""
    if number is None:
        return "–"
    for size, unit in ((1_000_000_000, "G"), (1_000_000, "M"), (10_000, "k")):
        if number >= size:
            return f"{number / (1000 if unit == 'k' else size):.1f} {unit}"
    return f"{number:,}"


def dump(value: Any, indent: int | None = 2) -> str:
    """JSON for people: indented, in its own script (顧客, not \\u9867\\u5ba2)."""
    return json.dumps(value, indent=indent, ensure_ascii=False)


def pretty(value: Any) -> SafeString:
    """JSON for people, with marks for keys and kinds of values; ids lead to whatever they name."""
    text, parts, at = dump(value), [], 0
    for found in _token.finditer(text):
        parts += [escape(text[at : found.start()]), _mark(found)]
        at = found.end()
    return mark_safe("".join([*parts, escape(text[at:])]))


def _mark(found: re.Match[str]) -> str:
    kind, text = str(found.lastgroup), found[0]
    if kind == "text" and UUID.fullmatch(text[1:-1]):
        return format_html('<a class="j-text" href="{}?q={}">{}</a>', reverse("admin:jump"), text[1:-1], text)
    return format_html('<span class="j-{}">{}</span>', kind, text)
