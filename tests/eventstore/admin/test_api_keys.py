"""API keys as staff see them: what they may do, and taking one back."""

from datetime import timedelta

from django.contrib.auth.models import Permission
from django.test import TestCase
from django.urls import reverse

from eventstore.clock import now
from eventstore.events import OPERATIONS
from eventstore.models import ApiKey, Event
from tests import staff

LIST = reverse("admin:eventstore_apikey_changelist")


class ApiKeys(TestCase):
    def setUp(self):
        self.key, self.secret = ApiKey.objects.create_key(name="shop", scopes=["orders:read", "orders:write"])
        self.page = reverse("admin:eventstore_apikey_change", args=[self.key.prefix])

    def revoke(self):
        url = reverse("admin:eventstore_apikey_act", args=[self.key.prefix, "revoke"])
        return self.client.post(url, {"reason": "it was left in a log"}, follow=True)

    def test_the_list_says_what_a_key_may_and_whether_it_still_does(self):
        ApiKey.objects.create_key(name="till", scopes=["*"], expiry_date=now() - timedelta(days=1))
        ApiKey.objects.create_key(name="lost", scopes=[], revoked=True)
        self.client.force_login(staff.cleo())
        for text in ("orders:read, orders:write", "valid", "everything", "expired", "revoked"):
            self.assertContains(self.client.get(LIST), text)

    def test_neither_key_nor_digest_is_ever_shown(self):
        self.client.force_login(staff.ada())
        for url in (LIST, self.page):
            answer = self.client.get(url)
            self.assertContains(answer, self.key.prefix)
            for secret in (self.secret.partition(".")[2], self.key.hashed_key, self.key.pk):
                self.assertNotContains(answer, secret)

    def test_a_revoked_key_opens_nothing_and_the_history_says_why(self):
        self.client.force_login(staff.ada())
        key = {"Authorization": f"Bearer {self.secret}"}
        self.assertEqual(self.client.get("/api/v1/orders", headers=key).status_code, 200)
        self.assertContains(self.revoke(), "it opens nothing any more")
        self.assertEqual(self.client.get("/api/v1/orders", headers=key).status_code, 401)
        told = Event.objects.get(stream=OPERATIONS)
        self.assertEqual((told.name, told.facts["actor"]), ("eventstore.api_key_revoked", "staff:ada"))
        self.assertEqual(told.data, {"name": "shop", "prefix": self.key.prefix, "reason": "it was left in a log"})
        self.assertContains(self.client.get(self.page), "it was left in a log")
        self.assertNotContains(self.client.get(self.page), "Revoke…")

    def test_revoking_needs_a_right_of_its_own(self):
        ben = staff.ben()
        self.client.force_login(ben)
        self.assertNotContains(self.client.get(self.page), "Revoke…")
        self.assertEqual(self.revoke().status_code, 403)
        ben.user_permissions.add(Permission.objects.get(codename="change_apikey", content_type__app_label="eventstore"))
        self.assertContains(self.revoke(), "is revoked")

    def test_keys_are_made_where_they_can_be_shown_once(self):
        self.client.force_login(staff.ada())
        self.assertEqual(self.client.get(reverse("admin:eventstore_apikey_add")).status_code, 403)
        ApiKey.objects.all().delete()
        self.assertContains(self.client.get(LIST), "manage.py create_api_key")

    def test_the_librarys_own_keys_which_open_nothing_are_not_offered(self):
        self.client.force_login(staff.ada())
        self.assertEqual(self.client.get("/admin/rest_framework_api_key/apikey/").status_code, 404)
