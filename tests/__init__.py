"""Stories about Daybook. Speed is measured by `manage.py benchmark`, never by a deadline here."""

from hypothesis import settings

settings.register_profile("daybook", deadline=None, max_examples=30, database=None)
settings.load_profile("daybook")
