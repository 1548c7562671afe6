"""Effects over HTTP: what nobody knows is listed and resolved by whoever found out."""

from eventstore.log import read_stream
from eventstore.models import Effect
from tests.clients import ApiCase

EFFECTS = "/api/v1/effects"


class Effects(ApiCase):
    scopes = ("ops:read", "ops:write")

    def setUp(self):
        super().setUp()
        for key, state in (("charge:1", "done"), ("charge:2/ü?#", "unknown"), ("charge:3", "begun")):
            Effect.objects.create(key=key, state=state, actor="consumer:test")

    def test_they_are_listed_in_pages_by_state(self):
        page = self.api.read(f"{EFFECTS}?limit=2").json()
        rest = self.api.read(f"{EFFECTS}?cursor={page['next_cursor']}").json()
        self.assertEqual([row["key"] for row in page["data"] + rest["data"]], ["charge:3", "charge:2/ü?#", "charge:1"])
        (row,) = self.api.read(f"{EFFECTS}?state=unknown").json()["data"]
        self.assertEqual((row["key"], row["receipt"], row["ended_at"]), ("charge:2/ü?#", None, None))

    def test_a_person_says_what_became_of_one(self):
        wish = {"key": "charge:2/ü?#", "happened": True, "receipt": {"id": "ch_9"}, "reason": "on the provider's page"}
        told = self.api.send(f"{EFFECTS}/resolve", wish).json()
        self.assertEqual((told["state"], told["receipt"], told["note"]), ("done", {"id": "ch_9"}, "key:shop: on the provider's page"))
        self.assertProblem(self.api.send(f"{EFFECTS}/resolve", wish), 409, "effect_known")
        self.assertProblem(self.api.send(f"{EFFECTS}/resolve", wish | {"key": "x"}), 404, "effect_not_found")
        (envelope,) = read_stream("operations")
        self.assertEqual((envelope.actor, envelope.event.key, envelope.event.happened), ("key:shop", "charge:2/ü?#", True))
