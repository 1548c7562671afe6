"""The log guards itself against its owner: no row is changed or deleted, and the table is never emptied."""

import psycopg
from django.db import DatabaseError, connection, transaction
from django.test import TransactionTestCase

from eventstore.log import append, unit_of_work
from eventstore.models import Event
from tests.eventstore.examples import Raised


class TheLog(TransactionTestCase):
    """A TransactionTestCase: that it can be flushed after each test is part of the story."""

    def setUp(self):
        with unit_of_work():
            append("counter-1", [Raised(), Raised()], expected=0)

    def test_no_event_is_changed_or_deleted(self):
        for statement in ("UPDATE eventstore_event SET name = 'x'", "DELETE FROM eventstore_event"):
            with self.subTest(statement), self.assertRaisesMessage(DatabaseError, "Cannot update or delete"), connection.cursor() as cursor:
                cursor.execute(statement)

    def test_a_session_like_those_of_the_shop_cannot_empty_it(self):
        given = connection.get_connection_params()
        options = given["options"].replace("-c daybook.log_may_be_emptied=on", "")
        ordinary = {name: given[name] for name in ("dbname", "user", "password", "host", "port") if given.get(name)}
        with psycopg.connect(**ordinary, options=options, autocommit=True) as session:
            for statement in ("TRUNCATE eventstore_event", "TRUNCATE orders_order, eventstore_event CASCADE"):
                with self.subTest(statement), self.assertRaisesRegex(psycopg.Error, "The log is never emptied") as caught:
                    session.execute(statement)
                self.assertIn("test database", caught.exception.diag.message_hint)
        self.assertEqual(Event.objects.count(), 2)

    def test_a_test_database_is_emptied_between_tests(self):
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("TRUNCATE eventstore_event")
            self.assertEqual(Event.objects.count(), 0)
            transaction.set_rollback(True)
