"""PostgreSQL on this machine: started, stopped, killed, and refused with a sentence."""

import psycopg2


def test_a_fresh_database_is_empty(fresh_database: str) -> None:
    """Given nothing, when a test asks for a database, then it has one of its own without tables."""
    connection = psycopg2.connect(fresh_database)
    with connection.cursor() as cursor:
        cursor.execute("select count(*) from pg_tables where schemaname = 'public'")
        assert cursor.fetchone() == (0,)
    connection.close()
