"""Trace contexts as W3C writes them, to the letter; what is wrong is as good as absent."""

from django.test import SimpleTestCase

from eventstore.context import acting, current_facts, following, in_trace
from eventstore.tracing import current_trace, headers, read, recorder

ID, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
PARENT = f"00-{ID}-{SPAN}-01"


class Reading(SimpleTestCase):
    def test_a_traceparent_is_read_and_written_the_same(self):
        trace = read(PARENT)
        assert trace is not None
        self.assertEqual((trace.trace_id, trace.span_id, trace.sampled, trace.parent), (ID, SPAN, True, PARENT))
        self.assertEqual(read(f" {PARENT}\t"), trace)
        unsampled = read(f"00-{ID}-{SPAN}-00")
        assert unsampled is not None
        self.assertFalse(unsampled.sampled)

    def test_what_is_not_exactly_one_is_none(self):
        for wrong in (
            "",
            PARENT.upper(),
            PARENT.replace("00-", "ff-", 1),
            f"00-{'0' * 32}-{SPAN}-01",
            f"00-{ID}-{'0' * 16}-01",
            f"{PARENT}-more",
            f"{PARENT}-",
            f"{PARENT},{PARENT}",
            f"00-{ID[1:]}-{SPAN}-01",
            f"00-{ID}-{SPAN}x-01",
            f"00-{ID}-{SPAN}-1",
            f"00-{ID}-{SPAN}-0g",
            f"0-{ID}-{SPAN}-01",
            f"01-{ID}-{SPAN}-01more",
            f"00_{ID}_{SPAN}_01",
            f"{PARENT}\n",
            PARENT.replace("a", "а"),  # a letter that only looks like one
            f"00-{ID}-{SPAN}-¹1",
        ):
            with self.subTest(wrong):
                self.assertIsNone(read(wrong))

    def test_a_later_version_is_read_as_far_as_we_know_it_and_written_as_ours(self):
        for later in (f"01-{ID}-{SPAN}-01", f"cc-{ID}-{SPAN}-01-what-comes-later", f"cc-{ID}-{SPAN}-09-"):
            with self.subTest(later):
                trace = read(later)
                assert trace is not None
                self.assertEqual(trace.parent, PARENT)

    def test_flags_that_we_do_not_know_are_not_passed_on(self):
        for told, passed in {"03": "03", "ff": "03", "fe": "02", "08": "00"}.items():
            trace = read(f"00-{ID}-{SPAN}-{told}")
            assert trace is not None
            self.assertEqual(trace.parent[-2:], passed)


class States(SimpleTestCase):
    def state(self, told: str) -> str:
        trace = read(PARENT, told)
        assert trace is not None, "a wrong tracestate does not spoil the traceparent"
        return trace.state

    def test_members_keep_their_order_and_empty_ones_go(self):
        self.assertEqual(self.state("foo=1,  bar=2 ,,\t, 4b@vendor=a b!"), "foo=1,bar=2,4b@vendor=a b!")

    def test_anything_wrong_drops_all_of_it(self):
        for wrong in (
            "foo",
            "foo=",
            "Foo=1",
            "foo =1",
            "foo=1=2",
            "foo=1;bar=2,é=1",
            "foo=1,foo=2",
            "=1",
            f"{'a' * 257}=1",
            f"a={'1' * 257}",
        ):
            with self.subTest(wrong):
                self.assertEqual(self.state(wrong), "")
        self.assertEqual(self.state(",".join(f"a{n}=1" for n in range(33))), "")
        self.assertEqual(len(self.state(",".join(f"a{n}=1" for n in range(32))).split(",")), 32)

    def test_too_much_loses_its_long_members_first_and_then_the_last_ones(self):
        short = [f"k{n}={'x' * 60}" for n in range(8)]
        self.assertEqual(self.state(",".join([f"long={'x' * 200}", *short])), ",".join(short[:8]))
        many = [f"k{n}={'x' * 100}" for n in range(8)]
        self.assertEqual(self.state(",".join(many)), ",".join(many[:4]))

    def test_without_a_traceparent_there_is_none(self):
        self.assertIsNone(read("", "foo=1"))


class CarriedOn(SimpleTestCase):
    def test_nobody_records_unless_told_to(self):
        self.assertIsNone(recorder())

    def test_the_headers_for_the_next_service_are_those_of_this_call(self):
        self.assertEqual(headers(), {})
        with acting(trace=PARENT, tracestate="foo=1"):
            self.assertEqual(headers(), {"traceparent": PARENT, "tracestate": "foo=1"})
            with in_trace({"trace": PARENT}):
                self.assertEqual(headers(), {"traceparent": PARENT}, "the state belongs to the other trace")

    def test_what_follows_from_an_event_is_in_its_trace_and_not_in_ours(self):
        with acting(trace=PARENT, tracestate="foo=1", reason="ours", idempotency_key="k", request="r", replay="7"):
            with following("e-1", {"correlation": "story"}, actor="consumer:mail"):
                self.assertIsNone(current_trace())
                told = {"actor": "consumer:mail", "causation": "e-1", "correlation": "story", "request": "r", "replay": "7"}
                self.assertEqual(current_facts(), told)
            self.assertEqual(headers()["tracestate"], "foo=1")
        with following("e-1", {"trace": PARENT, "tracestate": "bar=1"}, actor="consumer:mail"):
            self.assertEqual(headers(), {"traceparent": PARENT, "tracestate": "bar=1"})
            self.assertEqual(current_facts()["correlation"], "e-1", "a story that began with the event has its id")
