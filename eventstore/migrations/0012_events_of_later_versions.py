from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):

    # The log may be large, and orders go on while it is indexed.
    atomic = False

    dependencies = [
        ('eventstore', '0011_schemas'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='event',
            index=models.Index(condition=models.Q(('schema_version__gt', 1)), fields=['name', 'schema_version', 'id'], name='events_of_later_versions'),
        ),
    ]
