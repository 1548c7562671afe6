"""An entry's currency is its account's: one foreign key over both columns."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("ledger", "0001_initial")]

    operations = [
        migrations.RunSQL(
            """ALTER TABLE ledger_entry ADD CONSTRAINT an_entry_is_in_its_accounts_currency
               FOREIGN KEY (account_id, currency) REFERENCES ledger_account (id, currency)""",
            "ALTER TABLE ledger_entry DROP CONSTRAINT an_entry_is_in_its_accounts_currency",
        )
    ]
