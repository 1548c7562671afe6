"""The pure parts of the pages: causation trees and differences of states."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.test import SimpleTestCase

from eventstore.admin.causation import DEEPEST, Cause, draw
from eventstore.moments import Change, differences

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


def cause(number, by=None, name="test.raised", tone=""):
    return Cause(UUID(int=number), str(UUID(int=by)) if by else "", name, "counter-1", number, BEGAN + timedelta(milliseconds=number), tone)


class Trees(SimpleTestCase):
    def test_effects_stand_to_the_right_and_causes_in_the_middle_of_them(self):
        tree = draw([cause(1), cause(2, by=1), cause(3, by=1), cause(4, by=3)], current=UUID(int=3))
        at = {node.event.version: node for node in tree.nodes}
        self.assertLess(at[1].x, at[2].x)
        self.assertEqual(at[2].x, at[3].x)
        self.assertEqual(at[1].y, (at[2].y + at[3].y) / 2)
        self.assertEqual(at[3].y, at[4].y, "a single effect stands on the same line")
        self.assertEqual([node.event.version for node in tree.nodes if node.current], [3])
        self.assertEqual((len(tree.lines), at[4].after_ms, tree.hidden), (3, 3, 0))

    def test_boxes_never_overlap(self):
        tree = draw([cause(1), *(cause(n, by=n // 3 or 1) for n in range(2, 150))])
        places = {(node.x, node.y) for node in tree.nodes}
        self.assertEqual(len(places), 149)

    def test_an_event_whose_cause_is_elsewhere_is_a_root(self):
        tree = draw([cause(1), cause(2, by=99), cause(3, by=3)])
        self.assertEqual({node.x for node in tree.nodes}, {tree.nodes[0].x})
        self.assertEqual(tree.lines, [])

    def test_above_the_limit_siblings_of_one_name_share_a_box(self):
        story = [
            cause(1),
            *(cause(n, by=1, tone="bad" if n == 77 else "") for n in range(2, 302)),
            *(cause(n + 300, by=n, name="test.noted") for n in range(2, 302)),
        ]
        tree = draw(story, current=UUID(int=350))
        self.assertTrue(tree.grouped)
        self.assertEqual([(node.event.name, node.count, node.tone, node.current) for node in sorted(tree.nodes, key=lambda node: node.x)], [
            ("test.raised", 1, "", False),
            ("test.raised", 300, "bad", False),
            ("test.noted", 300, "", True),
        ])  # fmt: skip
        self.assertEqual(tree.hidden, 0)

    def test_a_chain_without_end_is_cut_and_counted(self):
        tree = draw([cause(1), *(cause(n, by=n - 1) for n in range(2, 1500))])
        self.assertEqual(tree.hidden, 1499 - DEEPEST - 1)

    def test_no_event_is_no_tree(self):
        self.assertEqual(draw([]).nodes, [])


class Differences(SimpleTestCase):
    def test_one_line_a_field_and_lists_by_their_index(self):
        before = {"status": "new", "lines": ({"sku": "tea", "quantity": 1}, "x"), "gone": 1}
        after = {"status": "placed", "lines": [{"sku": "tea", "quantity": 2}], "come": {"a": 1}}
        self.assertEqual(differences(before, after), [
            Change(path="status", kind="changed", before="new", after="placed"),
            Change(path="lines[0].quantity", kind="changed", before=1, after=2),
            Change(path="lines[1]", kind="removed", before="x"),
            Change(path="gone", kind="removed", before=1),
            Change(path="come", kind="added", after={"a": 1}),
        ])  # fmt: skip

    def test_what_stayed_has_no_line(self):
        self.assertEqual(differences({"a": [1, {"b": None}]}, {"a": [1, {"b": None}]}), [])

    def test_true_is_not_one(self):
        self.assertEqual(len(differences({"a": 1}, {"a": True})), 1)

    def test_from_nothing_at_all(self):
        self.assertEqual(differences(None, {"a": 1}), [Change(path="", kind="changed", before=None, after={"a": 1})])
