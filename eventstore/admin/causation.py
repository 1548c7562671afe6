"""What led to what: the events of one story as a tidy tree, siblings of one kind drawn as one when there are too many. Pure."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import datetime
from uuid import NAMESPACE_OID, UUID, uuid5

import msgspec

LARGEST = 200  #: nodes; above that, siblings of one name become one
DEEPEST = 80  #: steps from a root; what lies beyond is counted, not drawn
WIDTH, HEIGHT, ACROSS, DOWN, PAD = 196, 44, 238, 56, 4


class Cause(msgspec.Struct, frozen=True):
    """What the tree needs of one event."""

    id: UUID
    cause: str
    name: str
    stream: str
    version: int
    at: datetime
    tone: str = ""  #: bad when a consumer failed on it
    events: int = 1  #: 0 for what is no event itself: the request that several of them follow from
    shows: UUID | None = None  #: which event to look at, if not this one


class Node(msgspec.Struct):
    """A box: an event, or several siblings of one name."""

    event: Cause
    count: int
    x: float = 0
    y: float = 0
    after_ms: int = 0  #: since the story began
    tone: str = ""
    current: bool = False

    @property
    def label(self) -> str:
        return self.event.name.rpartition(".")[2].replace("_", " ")

    @property
    def app(self) -> str:
        return self.event.name.partition(".")[0]


class Tree(msgspec.Struct):
    """Boxes with their places, and the lines between them as (x1, y1, x2, y2)."""

    nodes: list[Node]
    lines: list[tuple[float, float, float, float]]
    width: float
    height: float
    grouped: bool
    total: int

    @property
    def hidden(self) -> int:
        """Events that are not drawn."""
        return self.total - sum(node.count for node in self.nodes)

    @property
    def view_box(self) -> str:
        return f"0 0 {self.width:.0f} {self.height:.0f}"


def draw(events: Sequence[Cause], current: UUID | None = None, largest: int = LARGEST) -> Tree:
    """Place the events of a story, causes left and effects right. An event whose cause is not among them is a root;

    several that follow from one request hang from a box for it.
    """
    known = {str(event.id) for event in events}
    effects: defaultdict[str, list[Cause]] = defaultdict(list)
    for event in events:
        effects[event.cause if event.cause in known and event.cause != str(event.id) else ""].append(event)
    _hang_from_requests(effects)
    tree = Tree(nodes=[], lines=[], width=0, height=0, grouped=len(events) > largest, total=len(events))
    began = min((event.at for event in events), default=None)
    rows = 0

    def place(siblings: list[Cause], depth: int) -> list[Node]:
        nonlocal rows
        placed = []
        for node in _boxes(siblings, tree.grouped, current):
            follow = [effect for event in _members(node, siblings, tree.grouped) for effect in effects[str(event.id)]]
            below = place(follow, depth + 1) if depth < DEEPEST else []
            node.x = PAD + depth * ACROSS
            if below:
                node.y = (below[0].y + below[-1].y) / 2
            else:
                node.y, rows = PAD + rows * DOWN, rows + 1
            node.after_ms = round((node.event.at - began).total_seconds() * 1000) if began else 0
            tree.lines += [(node.x + WIDTH, node.y + HEIGHT / 2, effect.x, effect.y + HEIGHT / 2) for effect in below]
            tree.nodes.append(node)
            placed.append(node)
        return placed

    place(effects[""], 0)
    tree.width = max((node.x for node in tree.nodes), default=0) + WIDTH + PAD
    tree.height = max((node.y for node in tree.nodes), default=0) + HEIGHT + PAD
    return tree


def _hang_from_requests(effects: defaultdict[str, list[Cause]]) -> None:
    asked = Counter(event.cause for event in effects[""] if event.cause and event.cause != str(event.id))
    for cause in [cause for cause, events in asked.items() if events > 1]:
        follow = [event for event in effects[""] if event.cause == cause]
        box = Cause(uuid5(NAMESPACE_OID, cause), "", "request", cause, 0, follow[0].at, events=0, shows=follow[0].id)
        at = effects[""].index(follow[0])
        effects[""] = [box if n == at else event for n, event in enumerate(effects[""]) if n == at or event.cause != cause]
        effects[str(box.id)] = follow


def _boxes(siblings: list[Cause], grouped: bool, current: UUID | None) -> list[Node]:
    if not grouped:
        return [Node(event=event, count=event.events, tone=event.tone, current=event.id == current) for event in siblings]
    counts: Counter[str] = Counter()
    for event in siblings:
        counts[event.name] += event.events
    first = {event.name: event for event in reversed(siblings)}
    boxes = [Node(event=first[name], count=count) for name, count in counts.items()]
    for box in boxes:
        members = _members(box, siblings, grouped)
        box.tone = "bad" if any(event.tone for event in members) else ""
        box.current = any(event.id == current for event in members)
    return boxes


def _members(box: Node, siblings: list[Cause], grouped: bool) -> list[Cause]:
    return [event for event in siblings if event.name == box.event.name] if grouped else [box.event]
