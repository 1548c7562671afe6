"""A hold's currency is that of both its accounts: a foreign key over both columns for each of them."""

from django.db import migrations


def key(name: str, account: str) -> migrations.RunSQL:
    return migrations.RunSQL(
        f"ALTER TABLE ledger_hold ADD CONSTRAINT {name} FOREIGN KEY ({account}, currency) REFERENCES ledger_account (id, currency)",
        f"ALTER TABLE ledger_hold DROP CONSTRAINT {name}",
    )


class Migration(migrations.Migration):
    dependencies = [("ledger", "0003_holds_and_reversals")]

    operations = [
        key("a_hold_is_in_its_debited_accounts_currency", "debit_account_id"),
        key("a_hold_is_in_its_credited_accounts_currency", "credit_account_id"),
    ]
