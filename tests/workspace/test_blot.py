"""No password stays in a text that is kept or shown, however it was spelled."""

from __future__ import annotations

import pytest

from pluto_duck.errors import StatementError
from pluto_duck.session import Session
from pluto_duck.workspace.blot import blotted


@pytest.mark.parametrize("text", [
    "postgres://u:hunter2@h/db", "postgres://u:p@hunter2@h/db", "postgres://u:a:hunter2@h/db",
    'postgresql://u:hun"hunter2@h/db', "postgresql://u:a/hunter2@h1:1,h2:2/db", "postgres://:hunter2@h/db",
    "postgres://u@h/db?sslpassword=hunter2&x=y", "postgres://u@h/db?PASSWORD=hunter2",
    "host=h password=hunter2", "host=h password = 'hunter2'", "host=h password='x hunter2'", 'password="hunter2"',
    "ATTACH 'host=h password=''hunter2'' dbname=x' AS p", "ATTACH 'x.db' (ENCRYPTION_KEY 'hunter2')",
    'ATTACH \'x.db\' (encryption_key "hunter2")', "CREATE SECRET (TYPE s3, SECRET $$hunter2$$)",
    "CREATE SECRET (TYPE s3, SECRET $a$hunter2$a$)", "CREATE SECRET (TYPE postgres, PASSWORD E'hunter2')",
    "CREATE SECRET (TYPE mysql, PASSWORD 'a''hunter2')", "CREATE SECRET (TYPE mysql, \"PASSWORD\" 'hunter2')",
    "CREATE SECRET (TYPE azure, CONNECTION_STRING 'AccountName=a;AccountKey=hunter2==')", "AccountKey=hunter2",
    "CREATE SECRET (TYPE http, BEARER_TOKEN 'hunter2')", "PASSWORD/**/'hunter2'", "PASSWORD\n'hunter2'",
    "CREATE SECRET (TYPE http, EXTRA_HTTP_HEADERS MAP {'Authorization': 'Bearer hunter2'})",
    "SET s3_secret_access_key = 'hunter2'", "PGPASSWORD=hunter2 psql", "password=>'hunter2'", "secret := 'hunter2'",
    "https://h.example/a.csv?sv=2024&sig=hunter2%3D&se=1", "from 's3://b/a.csv?X-Amz-Signature=hunter2'",
    "https://h.example/a.csv?Expires=1&Signature=hunter2"])
def test_a_password_is_blotted_out(text: str) -> None:
    assert "hunter2" not in blotted(text)
    assert "***" in blotted(text)


@pytest.mark.parametrize("text", [
    "select token_count = 5, secret::varchar, password from t where x = 'y'",
    "select 'a@b', 'http://h:80/x', 'c@d'", "see https://h:80/a and mail x@y.z", "select * from t where name = 'pwd'",
    "postgres://u@h:5432/db", "https://h/t.csv?page=2&key=a", "select sig=5, policy=x from t"])
def test_what_is_none_stays(text: str) -> None:
    assert blotted(text) == text


def test_an_error_of_the_engine_quotes_no_password(session: Session) -> None:
    with pytest.raises(StatementError) as caught:
        session.query("ATTACH 'x.db' AS x (TYPE nothing, ENCRYPTION_KEY 'hunter2') oops")
    assert "oops" in str(caught.value.to_dict())
    assert "hunter2" not in str(caught.value.to_dict())
