"""What the migrations loaded is there for every test, whatever the one before it did."""

import pytest
from django.contrib.contenttypes.models import ContentType
from django.db import connection

from tests import flush

GUARDED = """
    CREATE TABLE diary (id bigint PRIMARY KEY, line text, size int GENERATED ALWAYS AS (length(line)) STORED);
    INSERT INTO diary VALUES (1, 'from the migrations');
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'the diary is append-only'; END $$;
    CREATE TRIGGER rows BEFORE UPDATE OR DELETE ON diary FOR EACH ROW EXECUTE FUNCTION refuse();
    CREATE TRIGGER all_of_it BEFORE TRUNCATE ON diary FOR EACH STATEMENT EXECUTE FUNCTION refuse();
"""


@pytest.fixture
def diary(transactional_db):
    with connection.cursor() as cursor:
        cursor.execute(GUARDED)
        flush.remember()
        yield cursor
        cursor.execute("DROP TABLE diary; DROP FUNCTION refuse()")
        flush.remember()


def test_append_only_tables_are_emptied_and_their_first_rows_come_back(diary):
    diary.execute("INSERT INTO diary VALUES (2, 'from the test')")
    flush.restore()
    diary.execute("SELECT id, line, size FROM diary")
    assert diary.fetchall() == [(1, "from the migrations", 19)]


def test_the_triggers_are_awake_again_afterwards(diary):
    flush.restore()
    with pytest.raises(Exception, match="append-only"):
        diary.execute("TRUNCATE diary")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("turn", [1, 2])
def test_a_transactional_test_leaves_the_content_of_the_migrations_behind(turn):
    assert ContentType.objects.filter(app_label="auth", model="user").exists()
    assert not ContentType.objects.filter(model="made up").exists()
    ContentType.objects.create(app_label="auth", model="made up")
