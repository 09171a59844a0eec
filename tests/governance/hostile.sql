-- Statements a read-only actor must not get through, over the tables of tables.sql, one a line.
-- {file}: a readable file with a secret in it; {db}: the open database; {dir}: an empty folder.
-- more or other than one SELECT
SELECT 1; SELECT 2
COMMIT; INSERT INTO people (id) VALUES (9)
INSERT INTO people (id) VALUES (9)
UPDATE people SET age = 1
DELETE FROM people
MERGE INTO people USING cities ON false WHEN NOT MATCHED THEN INSERT (id) VALUES (9)
TRUNCATE people
CREATE TABLE mine (i INTEGER)
CREATE TEMP TABLE mine AS SELECT * FROM people
CREATE OR REPLACE VIEW people AS SELECT 1
CREATE MACRO main.sum(x) AS 1
CREATE TYPE t AS ENUM ('a')
CREATE SEQUENCE s
CREATE SCHEMA hostile
CREATE SECRET (TYPE http, BEARER_TOKEN 'x')
DROP TABLE people
DROP VIEW people
ALTER TABLE people ADD COLUMN x INTEGER
COPY people TO '{dir}/out.csv'
COPY (SELECT 1) TO '{dir}/out.parquet'
COPY people FROM '{file}'
EXPORT DATABASE '{dir}/export'
IMPORT DATABASE '{dir}/export'
ATTACH '{dir}/other.duckdb' AS other
ATTACH ':memory:' AS main2
DETACH workspace
USE workspace
USE workspace.main
SET memory_limit = '1GB'
SET enable_external_access = true
SET search_path = 'workspace.main'
SET VARIABLE claim = 1
RESET memory_limit
RESET VARIABLE claim
PRAGMA database_list
PRAGMA version
PRAGMA table_info('people')
PRAGMA show_tables
CALL pragma_version()
CALL enable_logging(storage = 'file', storage_path = '{dir}/log')
LOAD json
INSTALL httpfs
FORCE INSTALL httpfs
CHECKPOINT
FORCE CHECKPOINT
VACUUM
ANALYZE
BEGIN TRANSACTION
COMMIT
ROLLBACK
PREPARE p AS SELECT 1
EXECUTE p
DEALLOCATE p
EXPLAIN SELECT * FROM people
EXPLAIN ANALYZE SELECT * FROM people
EXPLAIN ANALYZE DELETE FROM people
COMMENT ON TABLE people IS 'x'
SHOW DATABASES
SHOW ALL TABLES
SHOW SCHEMAS
SELECT * FROM (SHOW TABLES)
SELECT * FROM (SHOW ALL TABLES)
SELECT * FROM (SHOW DATABASES)
SHOW _pluto.journal
DESCRIBE _pluto.journal
DESCRIBE workspace.main.people
SUMMARIZE _pluto.journal
SHOW workspace._pluto.journal
-- writing inside a SELECT
WITH x AS (DELETE FROM people RETURNING *) SELECT * FROM x
WITH x AS (INSERT INTO people (id) VALUES (9) RETURNING *) SELECT * FROM x
WITH x AS (UPDATE people SET age = 1 RETURNING *) SELECT * FROM x
SELECT * FROM (DELETE FROM people RETURNING *)
FROM (INSERT INTO people (id) VALUES (9) RETURNING id)
SELECT * INTO stolen FROM people
-- names that are not granted, and scope
SELECT * FROM _pluto.journal
SELECT * FROM "_pluto"."journal"
SELECT * FROM _PLUTO.Journal
SELECT * FROM workspace._pluto.journal
SELECT * FROM workspace.main.people
SELECT * FROM workspace.people
SELECT * FROM system.main.duckdb_settings
SELECT * FROM temp.main.people
SELECT * FROM pluto_role_agent.main.people
SELECT * FROM a.b.c.d
SELECT * FROM journal
SELECT * FROM sensors
SELECT * FROM raw.people
SELECT * FROM people.people
SELECT * FROM "people "
SELECT * FROM "peop​le"
SELECT * FROM "ſensors"
SELECT * FROM raw."senſors"
SELECT * FROM "people\0"
SELECT * FROM information_schema.tables
SELECT * FROM pg_catalog.pg_tables
SELECT * FROM pg_catalog.pg_class
SELECT * FROM pg_tables
SELECT * FROM pg_class
SELECT * FROM sqlite_master
SELECT * FROM sqlite_schema
SELECT * FROM duckdb_tables
SELECT * FROM duckdb_columns
SELECT * FROM duckdb_logs
SELECT * FROM pragma_database_list
SELECT * FROM main.sqlite_master
WITH journal AS (SELECT * FROM journal) SELECT * FROM journal
WITH journal AS (SELECT 1) SELECT * FROM main.journal
WITH journal AS (SELECT 1) SELECT * FROM _pluto.journal
SELECT (WITH secret AS (SELECT 1) SELECT 1 FROM secret), (SELECT count(*) FROM secret)
SELECT * FROM (WITH x AS (SELECT 1) SELECT * FROM x) JOIN x ON true
WITH a AS (SELECT * FROM b), b AS (SELECT 1) SELECT * FROM a
WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i FROM n, hidden WHERE i < 3) SELECT * FROM n
WITH RECURSIVE n AS (SELECT i FROM n UNION ALL SELECT 1) SELECT * FROM n
SELECT * FROM people AT (VERSION => 1)
SELECT * FROM people AT (TIMESTAMP => now())
TABLE _pluto.journal
FROM _pluto.journal
SELECT * FROM people UNION ALL SELECT secret FROM _pluto.journal
-- every place where a subquery can stand
SELECT (SELECT max(secret) FROM _pluto.journal)
SELECT * FROM people WHERE EXISTS (SELECT 1 FROM _pluto.journal)
SELECT * FROM people WHERE name IN (SELECT secret FROM _pluto.journal)
SELECT * FROM people LIMIT (SELECT count(*) FROM _pluto.journal)
SELECT * FROM people OFFSET (SELECT count(*) FROM _pluto.journal)
SELECT * FROM people ORDER BY (SELECT max(secret) FROM _pluto.journal)
SELECT * FROM people GROUP BY ALL HAVING (SELECT true FROM _pluto.journal)
SELECT count(*) FILTER (WHERE (SELECT true FROM _pluto.journal)) FROM people
SELECT string_agg(name ORDER BY (SELECT 1 FROM _pluto.journal)) FROM people
SELECT * FROM people QUALIFY row_number() OVER () = (SELECT 1 FROM _pluto.journal)
SELECT sum(age) OVER (PARTITION BY (SELECT 1 FROM _pluto.journal)) FROM people
SELECT sum(age) OVER (ORDER BY (SELECT 1 FROM _pluto.journal)) FROM people
SELECT sum(age) OVER (ROWS BETWEEN (SELECT 1 FROM _pluto.journal) PRECEDING AND CURRENT ROW) FROM people
SELECT lag(age, (SELECT 1 FROM _pluto.journal)) OVER () FROM people
SELECT DISTINCT ON ((SELECT 1 FROM _pluto.journal)) * FROM people
SELECT list_transform([1], lambda x: (SELECT max(secret) FROM _pluto.journal))
SELECT [(SELECT max(secret) FROM _pluto.journal) FOR x IN [1]]
SELECT CASE WHEN true THEN (SELECT max(secret) FROM _pluto.journal) END
SELECT CASE (SELECT max(secret) FROM _pluto.journal) WHEN 'a' THEN 1 END
SELECT (SELECT max(secret) FROM _pluto.journal)::VARCHAR
SELECT 'a' || (SELECT max(secret) FROM _pluto.journal)
SELECT 1 BETWEEN 0 AND (SELECT 1 FROM _pluto.journal)
SELECT {{'a': (SELECT max(secret) FROM _pluto.journal)}}
SELECT * REPLACE ((SELECT max(secret) FROM _pluto.journal) AS name) FROM people
SELECT * FROM people JOIN cities ON (SELECT true FROM _pluto.journal)
SELECT * FROM people, LATERAL (SELECT * FROM _pluto.journal)
SELECT * FROM (VALUES ((SELECT max(secret) FROM _pluto.journal)))
SELECT * FROM range((SELECT count(*) FROM _pluto.journal))
SELECT * FROM unnest((SELECT list(secret) FROM _pluto.journal))
SELECT ARRAY(SELECT secret FROM _pluto.journal)
SELECT 1 = ANY (SELECT 1 FROM _pluto.journal)
SELECT (SELECT s FROM (SELECT max(secret) AS s FROM _pluto.journal) t)
SELECT TRY((SELECT max(secret) FROM _pluto.journal))
SELECT (SELECT max(secret) FROM _pluto.journal) COLLATE NOCASE
PIVOT _pluto.journal ON secret IN ('a') USING count(*)
PIVOT people ON age IN (1) USING max((SELECT max(secret) FROM _pluto.journal))
PIVOT people ON age IN ((SELECT max(secret) FROM _pluto.journal)) USING count(*)
SELECT * FROM (PIVOT _pluto.journal ON secret IN ('a') USING count(*))
UNPIVOT _pluto.journal ON secret
DESCRIBE SELECT * FROM _pluto.journal
SUMMARIZE SELECT * FROM _pluto.journal
-- types: an ENUM shows its members
PIVOT moods ON mood IN mood USING count(*)
PIVOT moods ON mood USING count(*)
SELECT * FROM (PIVOT moods ON mood USING count(*))
WITH p AS (PIVOT moods ON mood USING count(*)) SELECT * FROM p
SELECT 'happy'::mood
SELECT TRY_CAST('happy' AS main.mood)
SELECT CAST('x' AS workspace.main.mood)
SELECT NULL::STRUCT(a mood)
SELECT []::mood[]
SELECT NULL::MAP(VARCHAR, mood)
SELECT enum_range(NULL::mood)
SELECT enum_range(mood) FROM moods
SELECT enum_first(mood), enum_last(mood) FROM moods
SELECT 'a'::ENUM('a', 'b')
SELECT mood 'happy'
-- files
SELECT * FROM '{file}'
SELECT * FROM "{file}"
FROM '{file}'
SELECT * FROM read_csv('{file}')
SELECT * FROM read_csv_auto('{file}')
SELECT * FROM read_text('{file}')
SELECT * FROM read_blob('{file}')
SELECT * FROM read_json('{file}')
SELECT * FROM read_json_objects('{file}')
SELECT * FROM read_parquet('{file}')
SELECT * FROM parquet_scan('{file}')
SELECT * FROM parquet_metadata('{file}')
SELECT * FROM parquet_schema('{file}')
SELECT * FROM read_duckdb('{db}')
SELECT * FROM read_blob('{db}')
SELECT * FROM sniff_csv('{file}')
SELECT * FROM glob('/**')
SELECT * FROM main.read_text('{file}')
SELECT * FROM system.main.read_text('{file}')
SELECT * FROM "read_text"('{file}')
SELECT * FROM READ_TEXT('{file}')
SELECT (SELECT content FROM read_text('{file}'))
SELECT * FROM people, read_text('{file}')
SELECT * FROM people, LATERAL read_text(name)
SELECT * FROM 'https://example.com/x.csv'
SELECT * FROM '{dir}/*.csv'
SELECT * FROM '{db}'
SUMMARIZE '{file}'
DESCRIBE '{file}'
DESCRIBE TABLE '{file}'
-- SQL from a string, frames, pointers
SELECT * FROM query('SELECT * FROM _pluto.journal')
SELECT * FROM query('SEL' || 'ECT 1')
SELECT * FROM query_table('people')
SELECT * FROM query_table(['_pluto.journal'])
SELECT * FROM json_execute_serialized_sql(json_serialize_sql('SELECT 1'))
SELECT json_serialize_plan('SELECT * FROM _pluto.journal')
SELECT json_serialize_sql('SELECT 1')
SELECT json_deserialize_sql('{{}}')
SELECT * FROM histogram('people', name)
SELECT * FROM histogram_values(people, name)
SELECT * FROM summary(people)
SELECT * FROM seq_scan('people')
SELECT * FROM pandas_scan(1)
SELECT * FROM arrow_scan(1, 2, 3)
SELECT * FROM python_map_function(1)
SELECT * FROM frame
SELECT * FROM repeat(1, 2)
SELECT * FROM repeat_row(1, num_rows = 2)
SELECT * FROM test_all_types()
SELECT * FROM test_vector_types(1)
SELECT peek()
SELECT main.peek()
SELECT workspace.main.peek()
SELECT older_than(1, 2)
SELECT workspace.main.lower('x')
SELECT workspace.lower('x')
SELECT system.main.repeat('x', 4000000000)
SELECT pg_catalog.repeat('x', 4000000000)
SELECT main.repeat('x', 4000000000)
SELECT pg_catalog.pg_get_viewdef(1)
SELECT name.upper() FROM people
-- what the catalog and the settings tell
SELECT * FROM duckdb_settings()
SELECT * FROM duckdb_tables()
SELECT * FROM duckdb_views()
SELECT * FROM duckdb_columns()
SELECT * FROM duckdb_databases()
SELECT * FROM duckdb_functions()
SELECT * FROM duckdb_secrets()
SELECT * FROM duckdb_variables()
SELECT * FROM duckdb_temporary_files()
SELECT * FROM duckdb_prepared_statements()
SELECT * FROM duckdb_table_sample('people')
SELECT * FROM pragma_table_info('_pluto.journal')
SELECT * FROM pragma_storage_info('people')
SELECT * FROM pragma_show('people')
SELECT * FROM pragma_database_size()
SELECT * FROM pg_timezone_names()
SELECT * FROM which_secret('x', 'http')
SELECT * FROM duckdb_logs_parsed('HTTP')
SELECT current_setting('temp_directory')
SELECT current_query()
SELECT current_schemas(true)
SELECT in_search_path('x', 'y')
SELECT getvariable('claim')
SELECT getenv('HOME')
SELECT stats(age) FROM people
SELECT stats(secret) FROM _pluto.journal
SELECT pg_get_viewdef(1)
SELECT pg_get_constraintdef(1)
SELECT has_table_privilege('people', 'SELECT')
SELECT obj_description(1)
SELECT format_type(1, 2)
SELECT inet_server_addr()
SELECT txid_current()
SELECT vector_type(age) FROM people
SELECT get_type(age) FROM people
-- side effects inside a SELECT
SELECT nextval('counter')
SELECT currval('counter')
SELECT setval('counter', 10)
SELECT setseed(0.5)
SELECT write_log('x')
SELECT sleep_ms(1000)
SELECT pg_sleep(10)
SELECT error('x')
SELECT * FROM checkpoint()
SELECT * FROM force_checkpoint()
SELECT * FROM enable_logging()
SELECT * FROM enable_logging(storage = 'file', storage_path = '{dir}/log')
SELECT * FROM "enable_logging"()
SELECT * FROM disable_logging()
SELECT * FROM truncate_duckdb_logs()
SELECT * FROM enable_profiling()
SELECT * FROM query('FROM enable_logging()')
-- parameters and variables
SELECT $claim
SELECT ?
SELECT $1
SELECT * FROM people WHERE id = $id
SELECT * FROM people LIMIT ?
SELECT list_transform([1], lambda x: x + $claim)
WITH x AS (SELECT $claim AS c) SELECT * FROM x
-- inner parts of the engine
SELECT __internal_compress_string_utinyint('a')
SELECT combine(1, 2)
SELECT finalize(1)
SELECT sum(age) EXPORT_STATE FROM people
SELECT make_type('INTEGER')
SELECT cast_to_type('1', 2)
SELECT to_aggregate_state(1)
SELECT invoke(1)
SELECT index_key(1)
SELECT icu_collate_de('a')
SELECT a_function_nobody_knows(1)
SELECT sum_no_overflow(age) FROM people
SELECT ſum(age) FROM people
SELECT loWeR(1)::oıd
-- formats whose width is a bomb
SELECT printf('%1000000000d', 1)
SELECT printf('%*d', 1000000000, 1)
SELECT format('{{:>1000000000}}', 'a')
SELECT format('{{:{{}}}}', 1, 1000000000)
SELECT format('{{:>{{}}}}', 1, 1000000000)
SELECT format('{{:x<{{1}}}}', 1, 1000000000)
SELECT format(name, 1) FROM people
SELECT printf(concat('%', 999999999, 'd'), 1)
