CREATE TABLE people (id INTEGER PRIMARY KEY, name VARCHAR, age INTEGER, city_id INTEGER, born DATE, tags VARCHAR[],
                     facts JSON, address STRUCT(street VARCHAR, zip VARCHAR));
INSERT INTO people VALUES
  (1, 'Ada', 36, 1, DATE '1985-12-10', ['a', 'b'], '{"k": 1}', {'street': 'High St', 'zip': '1'}),
  (2, 'Alan Mathison', 41, 2, DATE '1982-06-23', ['a'], '{"k": [1, 2]}', {'street': 'Low St', 'zip': '2'}),
  (3, 'Grace', NULL, 1, DATE '1996-12-09', [], NULL, NULL);
CREATE TABLE cities (id INTEGER, city_id INTEGER, title VARCHAR);
INSERT INTO cities VALUES (1, 1, 'London'), (2, 2, 'Manchester');
CREATE VIEW cities_by_city AS SELECT city_id, title FROM cities;
CREATE TABLE orders (person_id INTEGER, product VARCHAR, amount DECIMAL(10, 2), day DATE);
INSERT INTO orders VALUES (1, 'pen', 1.50, DATE '2024-01-02'), (2, 'ink', 7.25, DATE '2024-01-03'),
                          (1, 'ink', 7.00, DATE '2024-02-01');
CREATE SCHEMA raw;
CREATE TABLE raw.sensors (sensor INTEGER, reading DOUBLE);
INSERT INTO raw.sensors VALUES (1, 20.5), (2, 99.0);
CREATE VIEW raw.hot AS SELECT * FROM raw.sensors WHERE reading > 50;
CREATE MACRO older_than(a, n) AS a > n;
CREATE VIEW adults AS SELECT * FROM people WHERE older_than(age, 17);
CREATE TYPE mood AS ENUM ('happy', 'sad');
CREATE TABLE moods (mood mood, day DATE);
INSERT INTO moods VALUES ('happy', DATE '2024-01-01'), ('sad', DATE '2024-01-02');
CREATE TABLE "Sélection d'été" ("odd ""name""" INTEGER, "select" INTEGER);
CREATE TABLE "order" (a INTEGER);
CREATE SCHEMA "My schema";
CREATE TABLE "My schema"."odd.table" (b INTEGER);
CREATE TABLE range (n INTEGER);
CREATE SCHEMA _pluto;
CREATE TABLE _pluto.journal (secret VARCHAR);
INSERT INTO _pluto.journal VALUES ('never-to-be-seen');
CREATE SEQUENCE counter START 1;
CREATE MACRO peek() AS (SELECT max(secret) FROM _pluto.journal);
CREATE MACRO lower(x) AS (SELECT 'hijacked');
