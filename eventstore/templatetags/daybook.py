"""What the console's templates can say: values as staff read them, and small drawings without scripts or styles."""

from collections.abc import Sequence
from typing import Any

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from eventstore.admin.causation import HEIGHT, WIDTH, Tree
from eventstore.console import formats, screens
from eventstore.runs import Difference

register = template.Library()

register.filter("money", formats.money)
register.filter("pill", formats.pill)
register.filter("shorten", formats.shorten)
register.filter("duration", formats.duration)
register.filter("roughly", formats.roughly)
register.filter("linked", formats.linked)
register.filter("told", formats.told)
register.filter("dump", formats.dump)


@register.filter
def moment(at: Any) -> SafeString:
    """A time, exactly."""
    return formats.moment(at)


@register.filter
def ago(at: Any) -> SafeString:
    """A time, as how long ago."""
    return formats.moment(at, relative=True)


@register.filter
def copy(text: object) -> SafeString:
    """A value that is copied by a click."""
    return formats.copyable(text)


@register.filter
def json(value: Any) -> SafeString:
    """JSON in colours."""
    return format_html('<pre class="json">{}</pre>', formats.pretty(value))


@register.filter
def compact(value: Any) -> str:
    """JSON on one line, for a cell; texts without their quotation marks, unless they are empty."""
    if isinstance(value, str) and value:
        return value
    return formats.dump(value, indent=None)


@register.filter
def said(name: str) -> str:
    """What happened, without its app and with spaces: eventstore.run_ended is “run ended”."""
    return name.rpartition(".")[2].replace("_", " ")


@register.filter
def worded(name: str) -> str:
    """A name from the code as a label: pay_from is “Pay from”."""
    return name.replace("_", " ").capitalize()


@register.filter
def rows(text: str) -> int:
    """How high a box must be for this text, within reason."""
    return min(max(text.count("\n") + 2, 8), 40)


@register.filter
def columns(difference: Difference) -> list[dict[str, Any]]:
    """A row that differs: a line for each column that does, and a row that comes or goes on one line."""
    was, becomes = difference.live, difference.shadow
    if was is None or becomes is None:
        return [{"name": "all", "was": was, "becomes": becomes}]
    return [{"name": name, "was": was.get(name), "becomes": becomes.get(name)} for name in difference.columns]


@register.simple_tag
def stream_link(stream: str, version: int, keep: int = 0) -> SafeString:
    """A stream at a version, leading to its story there; with `keep`, ids in it are shortened to so many characters."""
    return screens.stream_link(stream, version, formats.shorten(stream, keep) if keep else stream)


@register.simple_tag
def spark(values: Sequence[float], tone: str = "info") -> SafeString:
    """A trend as a line over its area. One value alone is a level line."""
    wide, high, pad = 200, 36, 2
    shown = [*values, *values] if len(values) == 1 else list(values)
    top, span = max([*shown, 1]) * 1.15, max(len(shown) - 1, 1)
    line = " ".join(f"{n * wide / span:.1f},{high - pad - value / top * (high - 2 * pad):.1f}" for n, value in enumerate(shown))
    return format_html(
        '<svg class="spark {}" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" aria-label="Trend, now {}">'
        '<polygon points="0,{} {} {},{}"/><polyline points="{}" vector-effect="non-scaling-stroke"/></svg>',
        tone,
        wide,
        high,
        f"{shown[-1] if shown else 0:g}",
        high,
        line,
        wide,
        high,
        line,
    )


@register.simple_tag
def causation_tree(tree: Tree, url: str) -> SafeString:
    """The events of one story, causes left and effects right; each box leads to its event. `url` is that of any event, ending in 0."""
    lines = format_html_join(
        "",
        '<path d="M{} {} C{} {} {} {} {} {}"/>',
        ((x1, y1, x1 + 24, y1, x2 - 24, y2, x2, y2) for x1, y1, x2, y2 in tree.lines),
    )
    boxes = format_html_join(
        "",
        '<a href="{}" class="{}"><title>{} {}@{}</title><rect x="{}" y="{}" width="{}" height="{}" rx="7"/>'
        '<text x="{}" y="{}">{}</text><text class="quiet" x="{}" y="{}">{}</text></a>',
        (
            (
                url.replace("00000000-0000-0000-0000-000000000000", str(node.event.shows or node.event.id)),
                " ".join(filter(None, [node.tone, "current" if node.current else "", "many" if node.count > 1 else ""])),
                node.event.name,
                node.event.stream,
                node.event.version,
                node.x,
                node.y,
                WIDTH,
                HEIGHT,
                node.x + 12,
                node.y + 19,
                f"{node.label[:26]}{f' × {node.count}' if node.count > 1 else ''}",
                node.x + 12,
                node.y + 34,
                f"{node.app} · +{node.after_ms:,} ms{' · failed' if node.tone else ''}",
            )
            for node in tree.nodes
        ),
    )
    return format_html(
        '<svg class="tree" viewBox="{}" width="{}" height="{}" role="group" aria-label="Causation tree">{}{}</svg>',
        tree.view_box,
        f"{tree.width:.0f}",
        f"{tree.height:.0f}",
        lines,
        boxes,
    )
