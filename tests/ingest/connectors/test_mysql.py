"""MySQL and MariaDB: exact types, one moment, and what goes wrong on the way."""

from __future__ import annotations

import datetime as dt
import math
import socket
import struct
import threading
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pluto_duck.errors import ColumnRefused, SourceError, UnknownName, UsageError
from pluto_duck.ingest.connectors import Selection, SourceKey
from pluto_duck.ingest.connectors.contract import (
    ROWS,
    ConnectorContract,
    OddTables,
    Source,
    odd_statements,
    rows_of,
)
from pluto_duck.ingest.connectors.mysql import MysqlConnector
from pluto_duck.ingest.connectors.mysql_address import Address
from tests.services.mysql import PASSWORD, Database, MariaDb, new_database


class TestContract(ConnectorContract, OddTables):
    @pytest.fixture
    def source(self, mysql_database: Database) -> Source:
        mysql_database.run("CREATE TABLE things (id int PRIMARY KEY, name text, amount double)",
                           "CREATE TABLE others (a int)")
        with mysql_database.server.connect(mysql_database.name) as connection:
            connection.cursor().executemany("INSERT INTO things VALUES (%s, %s, %s)", ROWS)
        return Source(MysqlConnector, mysql_database.uri, secret=PASSWORD)

    @pytest.fixture
    def odd_source(self, mysql_database: Database) -> Source:
        mysql_database.run(*odd_statements(lambda name: "`" + name.replace("`", "``") + "`"))
        return Source(MysqlConnector, mysql_database.uri)


def column(database: Database, kind: str, *values: str, cast: str = "") -> list[Any]:
    """What the values (SQL) of a column of that type arrive as."""
    database.run("DROP TABLE IF EXISTS t", "SET sql_mode = ''", f"CREATE TABLE t (place int, c {kind})",
                 f"INSERT INTO t VALUES {', '.join(f'({i}, {value})' for i, value in enumerate(values))}")
    with MysqlConnector(database.uri) as connector:
        table = connector.discover(["t"])[0]
        place, one = table.columns
        if cast:
            one = connector.cast(table, one, cast)
        return [row[1] for row in sorted(rows_of(connector, replace(table, columns=(place, one))))]


@pytest.mark.parametrize(("kind", "values", "expected"), [
    ("bigint unsigned", ["18446744073709551615", "0", "NULL"], [18446744073709551615, 0, None]),
    ("bigint", ["-9223372036854775808", "9223372036854775807"], [-9223372036854775808, 9223372036854775807]),
    ("mediumint unsigned", ["16777215"], [16777215]),
    ("int(5) zerofill", ["42"], [42]),
    ("tinyint(1)", ["2", "-128", "NULL"], [2, -128, None]),
    ("decimal(38,10)", ["-1234567890123456789012345678.0123456789"],
     [Decimal("-1234567890123456789012345678.0123456789")]),
    ("float", ["0.1", "16777216", "-1e-38"], [0.10000000149011612, 16777216.0, -9.999999350456404e-39]),
    ("double", ["0.1", "1.7976931348623157e308", "-5e-324"], [0.1, 1.7976931348623157e308, -5e-324]),
    ("bit(1)", ["b'1'", "b'0'", "NULL"], [True, False, None]),
    ("bit(10)", ["b'1010101010'", "b'1'"], ["1010101010", "0000000001"]),
    ("year", ["2155", "0"], [2155, 0]),
    ("date", ["'1000-01-01'", "'9999-12-31'", "NULL"], [dt.date(1000, 1, 1), dt.date(9999, 12, 31), None]),
    ("datetime(6)", ["'2024-02-29 23:59:59.999999'"], [dt.datetime(2024, 2, 29, 23, 59, 59, 999999)]),
    ("time(6)", ["'23:59:59.999999'", "'00:00:00'"], [dt.time(23, 59, 59, 999999), dt.time(0)]),
    ("enum('a','it''s, ok')", ["'it''s, ok'", "NULL"], ["it's, ok", None]),
    ("set('x','y')", ["'x,y'", "''"], ["x,y", ""]),
    ("json", ["'{\"a\": 1.10, \"b\": 12345678901234567890123}'", "NULL"],
     ['{"a": 1.10, "b": 12345678901234567890123}', None]),
    ("binary(3)", ["'a'"], [b"a\0\0"]), ("varbinary(9)", ["x'00ff22'", "''"], [b"\x00\xff\x22", b""]),
    ("longblob", ["x'0a0d2c22'"], [b"\n\r,\""]),
    ("char(5)", ["'ab '"], ["ab"]), ("text", ["'x\ny\"z,\\0'", "''", "NULL"], ["x\ny\"z,\0", "", None]),
    ("varchar(9) character set latin1", ["'caf\u00e9'"], ["caf\u00e9"]),
    ("varchar(9) character set ucs2", ["'\u9d28'"], ["\u9d28"]),
    ("varchar(9) collate utf8mb4_bin", ["'\U0001f986'"], ["\U0001f986"]),
    ("geometry", ["ST_GeomFromText('POINT(1 2)')"], [bytes.fromhex("0101000000000000000000f03f0000000000000040")]),
    ("uuid", ["'f47ac10b-58cc-4372-a567-0e02b2c3d479'", "NULL"], ["f47ac10b-58cc-4372-a567-0e02b2c3d479", None]),
    ("inet6", ["'::1'"], ["::1"]),
])
def test_every_type_arrives_exactly(kind: str, values: list[str], expected: list[Any],
                                    mysql_database: Database) -> None:
    came = column(mysql_database, kind, *values)
    assert [str(one) if kind == "uuid" and one is not None else one for one in came] == expected


def test_a_timestamp_is_the_moment_whatever_the_zones(mysql_database: Database) -> None:
    mysql_database.run("SET time_zone = '+09:00'", "CREATE TABLE t (at timestamp(6) NULL)",
                       "INSERT INTO t VALUES ('2024-07-01 09:00:00.000001')")
    with MysqlConnector(mysql_database.uri) as connector:
        table = connector.discover()[0]
        assert table.columns[0].type == "TIMESTAMPTZ"
        assert rows_of(connector, table)[0][0].astimezone(dt.UTC) == dt.datetime(2024, 7, 1, 0, 0, 0, 1, dt.UTC)


@pytest.mark.parametrize(("kind", "value", "cast", "expected"), [
    ("date", "'0000-00-00'", "date", None), ("datetime", "'2024-00-10 10:00:00'", "datetime", None),
    ("timestamp NULL", "0", "timestamp", None), ("date", "'0000-00-00'", "char", "0000-00-00"),
    ("time", "'-838:59:59'", "interval", -dt.timedelta(hours=838, minutes=59, seconds=59)),
    ("time", "'24:00:00'", "char", "24:00:00")])
def test_what_no_type_here_holds_is_refused_with_the_way_out(
        kind: str, value: str, cast: str, expected: Any, mysql_database: Database) -> None:
    with pytest.raises(ColumnRefused, match=r"t\.c holds") as caught:
        column(mysql_database, kind, value)
    assert f"--cast c={cast}" in caught.value.hint
    assert "--skip c" in caught.value.hint
    assert column(mysql_database, kind, value, cast=cast) == [expected]


def test_long_decimals_are_refused_and_cast_exactly_or_not_at_all(mysql_database: Database) -> None:
    with MysqlConnector(mysql_database.uri) as connector:
        mysql_database.run("CREATE TABLE t (c decimal(65,30))")
        refused = connector.discover()[0].columns[0]
        assert "more than the 38 digits" in refused.refusal
    value = "12345678901234567890123456789012345.123456789012345678901234567890"
    assert column(mysql_database, "decimal(65,30)", value, cast="char") == [value]
    assert column(mysql_database, "decimal(65,30)", "1.5", cast="decimal(38,30)") == [Decimal("1.5")]
    with pytest.raises(ColumnRefused):
        column(mysql_database, "decimal(65,30)", value, cast="decimal(38,10)")
    with pytest.raises(ColumnRefused):
        column(mysql_database, "bigint unsigned", "18446744073709551615", cast="bigint")


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.floats(allow_nan=False, allow_infinity=False), st.text(st.characters(codec="utf-8")),
                          st.binary()), min_size=1, max_size=60))
def test_what_was_written_is_what_arrives(mysql_database: Database, rows: list[tuple[float, str, bytes]]) -> None:
    mysql_database.run("DROP TABLE IF EXISTS t", "CREATE TABLE t (id int, d double, x longtext, b longblob)")
    with mysql_database.server.connect(mysql_database.name) as connection:
        connection.cursor().executemany("INSERT INTO t VALUES (%s, %s, %s, %s)",
                                        [(i, *row) for i, row in enumerate(rows)])
    with MysqlConnector(mysql_database.uri) as connector:
        came = sorted(rows_of(connector, connector.discover(["t"])[0]))
    assert [row[1:] for row in came] == rows
    assert all(math.copysign(1, one[1]) == math.copysign(1, row[0]) or one[1] == 0
               for one, row in zip(came, rows, strict=True))


def test_keys_defaults_comments_and_views_are_known(mysql_database: Database) -> None:
    mysql_database.run(
        "CREATE TABLE p (a int, b varchar(9), PRIMARY KEY (b, a)) COMMENT 'the parents'",
        "CREATE TABLE c (id int AUTO_INCREMENT PRIMARY KEY, a int NOT NULL DEFAULT 7, b varchar(9) DEFAULT 'it''s',"
        " at datetime DEFAULT current_timestamp(), g int AS (a + 1) STORED COMMENT 'one more', u int UNIQUE,"
        " long_text text, UNIQUE KEY part (long_text(3)), FOREIGN KEY (b, a) REFERENCES p (b, a))",
        "CREATE VIEW v AS SELECT a FROM c")
    with MysqlConnector(mysql_database.uri) as connector:
        child, parent = connector.discover()
        assert (parent.name, parent.primary_key, parent.comment) == ("p", ("b", "a"), "the parents")
        assert child.primary_key == ("id",)
        assert child.unique == (("u",),)
        assert child.foreign_keys == (SourceKey(("b", "a"), mysql_database.name, "p", ("b", "a")),)
        told = {one.name: (one.nullable, one.default, one.comment) for one in child.columns}
        assert told == {"id": (False, "", ""), "a": (False, "7", ""), "b": (True, "'it''s'", ""), "at": (True, "", ""),
                        "g": (True, "", "one more"), "u": (True, "", ""), "long_text": (True, "", "")}
        assert [one.kind for one in connector.discover(["v"])] == ["view"]


def test_all_tables_come_from_one_moment(mysql_database: Database) -> None:
    mysql_database.run("CREATE TABLE a (n int)", "CREATE TABLE b (n int)", "INSERT INTO a VALUES (1)")
    with MysqlConnector(mysql_database.uri) as connector:
        first, second = connector.discover()
        assert rows_of(connector, first) == [(1,)]
        mysql_database.run("INSERT INTO a VALUES (2)", "INSERT INTO b VALUES (2)")
        assert rows_of(connector, second) == []
        assert rows_of(connector, first) == [(1,)]


def test_large_rows_come_whole_and_too_large_ones_are_told(mysql_database: Database) -> None:
    mysql_database.run("CREATE TABLE t (x longblob)", "INSERT INTO t VALUES (repeat('ab', 5000000)), (repeat('c', 70000))")
    with MysqlConnector(mysql_database.uri) as connector:
        assert [len(row[0]) for row in rows_of(connector, connector.discover()[0])] == [10_000_000, 70_000]
    mysql_database.run("ALTER TABLE t ADD y longblob", "INSERT INTO t VALUES (repeat('ab', 5000000), repeat('c', 9000000))")
    with MysqlConnector(mysql_database.uri) as connector:
        with pytest.raises(SourceError, match="max_allowed_packet"):
            rows_of(connector, connector.discover()[0])
        assert rows_of(connector, connector.discover(["t"])[0], Selection(limit=2))


def test_a_stream_left_early_leaves_the_moment_and_the_connection(mysql_database: Database) -> None:
    mysql_database.run("CREATE TABLE t (n bigint, x varchar(200))")
    mysql_database.run("INSERT INTO t SELECT seq, repeat('x', 200) FROM seq_1_to_100000")
    with MysqlConnector(mysql_database.uri) as connector:
        table = connector.discover()[0]
        mysql_database.run("DELETE FROM t WHERE n > 10")
        stream = connector.read(table)
        stream.read_next_batch()
        assert sum(batch.num_rows for batch in connector.read(table)) == 100_000


def test_the_cursor_compares_as_the_column_does(mysql_database: Database) -> None:
    mysql_database.run("SET time_zone = '+00:00'", "CREATE TABLE t (n bigint unsigned, at timestamp(6) NULL, day date)",
                       "INSERT INTO t VALUES (18446744073709551614, '2024-01-01 10:00:00', '2024-01-01'),"
                       " (18446744073709551615, '2024-01-01 10:00:00.000001', '2024-01-02')")
    with MysqlConnector(mysql_database.uri) as connector:
        table = connector.discover()[0]
        for cursor, after in (("n", "18446744073709551615"), ("at", "2024-01-01 12:00:00.000001+02"),
                              ("at", "2024-01-01 10:00:00.000001+00"), ("day", "2024-01-02")):
            assert len(rows_of(connector, table, Selection(cursor=cursor, after=after))) == 1
        with pytest.raises(UsageError):
            rows_of(connector, table, Selection(cursor="n", after="x' OR 1 = 1"))


def test_who_may_not_come_in_is_told_without_the_password(mysql_database: Database) -> None:
    wrong = "s3cret-and-wrong"
    server = mysql_database.server
    for uri in (f"mysql://pluto:{wrong}@127.0.0.1:{server.port}/{mysql_database.name}",
                f"mysql://nobody:{wrong}@127.0.0.1:{server.port}/{mysql_database.name}"):
        with pytest.raises(SourceError, match="does not let the user") as caught, MysqlConnector(uri):
            pass
        assert wrong not in caught.value.message + caught.value.hint + repr(caught.value.__context__)
    with pytest.raises(UnknownName) as unknown, MysqlConnector(mysql_database.uri + "x"):
        pass
    assert mysql_database.name in unknown.value.facts["nearest"]
    with pytest.raises(SourceError, match="does not answer"), MysqlConnector("mysql://pluto:pw@127.0.0.1:1/x"):
        pass
    with pytest.raises(SourceError, match="names no database"), \
            MysqlConnector(mysql_database.uri.rsplit("/", 1)[0]) as connector:
        connector.discover()


def test_a_table_without_permission_is_named(mysql_database: Database) -> None:
    mysql_database.run("CREATE TABLE open_one (n int)", "CREATE TABLE closed_one (n int)",
                       "CREATE OR REPLACE USER reader IDENTIFIED BY 'pw'",
                       f"GRANT SELECT ON {mysql_database.name}.open_one TO reader")
    uri = f"mysql://reader:pw@127.0.0.1:{mysql_database.server.port}/{mysql_database.name}"
    with MysqlConnector(uri) as connector:
        assert [one.name for one in connector.discover()] == ["open_one"]
        with pytest.raises(UnknownName):
            connector.discover(["closed_one"])


def test_a_server_that_dies_in_mid_read_is_told(mortal_mariadb: MariaDb) -> None:
    database = new_database(mortal_mariadb)
    database.run("CREATE TABLE t AS SELECT seq, repeat('x', 100) AS x FROM seq_1_to_400000")
    with MysqlConnector(database.uri) as connector:
        stream = connector.read(connector.discover()[0])
        stream.read_next_batch()
        mortal_mariadb.kill()
        with pytest.raises(SourceError, match="was lost while t was read"):
            list(stream)


def test_interrupting_ends_a_read_that_waits_for_the_server(mysql_database: Database) -> None:
    mysql_database.run("CREATE TABLE t (n int)", "INSERT INTO t VALUES (1), (2)")
    with MysqlConnector(mysql_database.uri) as connector:
        table = connector.discover()[0]
        stream = connector.read(table, Selection(where="sleep(60) = 0"))
        failed: list[Exception] = []

        def work() -> None:
            try:
                list(stream)
            except Exception as error:
                failed.append(error)

        thread = threading.Thread(target=work)
        thread.start()
        while not mysql_database.run("SELECT 1 FROM information_schema.processlist WHERE state = 'User sleep'"):
            pass
        connector.interrupt()
        thread.join(20)
        assert not thread.is_alive()
        assert isinstance(failed[0], SourceError)


def test_a_vanished_table_is_told(mysql_database: Database) -> None:
    mysql_database.run("CREATE TABLE t (n int)")
    with MysqlConnector(mysql_database.uri) as connector:
        table = connector.discover()[0]
        connector._run("ROLLBACK")  # gives the lock back, as a lost connection would
        mysql_database.run("DROP TABLE t")
        with pytest.raises(SourceError, match="the table is gone"):
            rows_of(connector, table)


@pytest.mark.parametrize("uri", ["mysql://u@h:port/x", "mysql://u@h/x?ssl-mode=never", "mysql://u@h/x?colour=red"])
def test_an_address_that_makes_no_sense_is_refused_at_once(uri: str) -> None:
    with pytest.raises(UsageError):
        MysqlConnector(uri)


@pytest.mark.parametrize("way", [b"mysql_clear_password", b"mysql_old_password", b"dialog"])
def test_no_password_goes_out_in_clear_text(way: bytes) -> None:
    """A server without TLS that asks for the password itself, as anybody on the way there could."""
    greeting = (b"\x0a8.0.0\0" + struct.pack("<I", 1) + b"12345678\0" + struct.pack("<HBHH", 0x8200, 45, 2, 0x0008)
                + b"\x15" + b"\0" * 10 + b"123456789012\0mysql_native_password\0")
    heard = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        def serve() -> None:
            with suppress(OSError):
                while True:
                    client, _address = server.accept()
                    with client:
                        client.sendall(struct.pack("<I", len(greeting))[:3] + b"\0" + greeting)
                        heard.append(client.recv(65_536))
                        asked = b"\xfe" + way + b"\0" + b"\2Password\0"
                        client.sendall(struct.pack("<I", len(asked))[:3] + b"\2" + asked)
                        client.settimeout(5)
                        heard.append(client.recv(65_536))

        threading.Thread(target=serve, daemon=True).start()
        with pytest.raises(SourceError, match="in clear text, over a connection without TLS") as caught:
            Address(f"mysql://me:s3cret@127.0.0.1:{server.getsockname()[1]}/shop?ssl-mode=DISABLED").connect()
    assert heard
    assert b"s3cret" not in b"".join(heard)
    assert "ssl-mode" in caught.value.hint
