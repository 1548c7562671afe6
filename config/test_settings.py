"""settings.py for `manage.py test`: fast passwords, streams in memory, nothing leaves the process."""

from config.settings import *  # noqa: F403
from config.settings import DATABASES, EVENTSTORE, LOGGING

TEST_RUNNER = "config.test_runner.Runner"
SECRET_KEY = "only the tests know me"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
EVENTSTORE |= {"TRANSPORT": "memory", "WAKE": False}
#: Hints go nowhere; a test that wants delivery calls deliver_everything().
CELERY_BROKER_URL = "memory://"
#: A pool would keep connections to the database that the runner wants to drop.
DATABASES["default"]["OPTIONS"].pop("pool")
#: A TestCase keeps its transaction open however long its Python takes, and on a busy machine that may be long.
DATABASES["default"]["OPTIONS"]["options"] += " -c idle_in_transaction_session_timeout=0"
#: A TransactionTestCase empties all tables after each test; nobody else may empty the log.
DATABASES["default"]["OPTIONS"]["options"] += " -c daybook.log_may_be_emptied=on"
#: A test that wants lines says assertLogs; the others stay quiet.
LOGGING["handlers"]["stderr"] = {"class": "logging.NullHandler"}
