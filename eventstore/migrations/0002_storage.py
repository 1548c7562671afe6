"""Rows that change with every event stay on few pages: room for their next version beside them, and an eager vacuum."""

from django.db import migrations

BUSY = ("eventstore_partition", "eventstore_relaycheckpoint", "eventstore_checkpoint")


class Migration(migrations.Migration):
    dependencies = [("eventstore", "0001_initial")]

    operations = [
        migrations.RunSQL(
            f"ALTER TABLE {table} SET (fillfactor = 20, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_scale_factor = 0)",
            f"ALTER TABLE {table} RESET (fillfactor, autovacuum_vacuum_threshold, autovacuum_vacuum_scale_factor)",
        )
        for table in BUSY
    ]
