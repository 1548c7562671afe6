"""What the console's templates can say: values as staff read them, and small drawings without scripts or styles."""

from collections.abc import Sequence
from typing import Any

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from eventstore.admin.causation import HEIGHT, WIDTH, Tree
from eventstore.console import formats

register = template.Library()

register.filter("money", formats.money)
register.filter("pill", formats.pill)
register.filter("shorten", formats.shorten)
register.filter("duration", formats.duration)
register.filter("roughly", formats.roughly)
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
    """JSON on one line, for a cell; texts without their quotation marks."""
    if isinstance(value, str):
        return value
    return " ".join(line.strip() for line in formats.dump(value).splitlines())


@register.filter
def perc(part: float, whole: float) -> int:
    """A share in percent."""
    return round(100 * part / whole) if whole else 100


@register.simple_tag
def spark(values: Sequence[float], tone: str = "info", points: int = 0) -> SafeString:
    """A trend as a line over its area. With `points`, it grows from the right until there are that many."""
    wide, high, pad = 200, 36, 2
    top, span = max([*values, 1]), max(points or len(values), 2) - 1
    first = span + 1 - len(values)
    places = [((first + n) * wide / span, high - pad - value / top * (high - 3 * pad)) for n, value in enumerate(values)]
    if not places:
        return format_html('<svg class="spark" viewBox="0 0 {} {}" aria-hidden="true"></svg>', wide, high)
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    area = f"{places[0][0]:.1f},{high} {line} {places[-1][0]:.1f},{high}"
    return format_html(
        '<svg class="spark {}" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" aria-label="Trend, {} at the end">'
        '<polygon points="{}"/><polyline points="{}" vector-effect="non-scaling-stroke"/></svg>',
        tone,
        wide,
        high,
        f"{values[-1]:g}",
        area,
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
                url.replace("00000000-0000-0000-0000-000000000000", str(node.event.id)),
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
