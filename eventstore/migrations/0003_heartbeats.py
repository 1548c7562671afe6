import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('eventstore', '0002_storage'),
    ]

    operations = [
        migrations.CreateModel(
            name='Heartbeat',
            fields=[
                ('name', models.CharField(max_length=60, primary_key=True, serialize=False)),
                ('beat_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
        ),
        migrations.RunSQL(
            "ALTER TABLE eventstore_heartbeat SET (fillfactor = 20, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_scale_factor = 0)",
            "ALTER TABLE eventstore_heartbeat RESET (fillfactor, autovacuum_vacuum_threshold, autovacuum_vacuum_scale_factor)",
        ),
    ]
