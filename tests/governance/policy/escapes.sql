-- One statement a line, as somebody with the role `reader`. {name} stands for a name that only the test knows.
-- tables that are not granted
SELECT * FROM salaries
SELECT * FROM main.salaries
SELECT * FROM workspace.salaries
SELECT * FROM workspace.main.salaries
SELECT * FROM "workspace"."main"."people"
SELECT * FROM SALARIES
SELECT * FROM secret.plans
SELECT * FROM workspace.secret.plans
TABLE salaries
FROM salaries SELECT count(*)
SELECT (SELECT max(note) FROM salaries)
SELECT id FROM people WHERE id IN (SELECT id FROM salaries)
SELECT id FROM people WHERE EXISTS (FROM salaries WHERE salaries.id = people.id)
SELECT id FROM people ORDER BY (SELECT max(note) FROM salaries)
SELECT id FROM people LIMIT (SELECT count(*) FROM salaries)
SELECT id FROM people OFFSET (SELECT count(*) FROM salaries)
SELECT count(*) FILTER (WHERE id IN (FROM salaries SELECT id)) FROM people
SELECT id FROM people QUALIFY row_number() OVER (ORDER BY (SELECT max(note) FROM salaries)) = 1
SELECT sum(id) OVER (PARTITION BY (SELECT max(note) FROM salaries)) FROM people
SELECT list_transform([1], lambda x: (SELECT max(note) FROM salaries))
SELECT * FROM people, LATERAL (SELECT * FROM salaries WHERE salaries.id = people.id)
SELECT * FROM people ASOF JOIN salaries ON people.id >= salaries.id
SELECT * FROM people POSITIONAL JOIN salaries
SELECT * FROM people UNION ALL BY NAME SELECT * FROM salaries
WITH salaries AS (SELECT * FROM salaries) SELECT * FROM salaries
WITH a AS (SELECT 1), b AS (SELECT * FROM salaries) SELECT * FROM b
WITH RECURSIVE r AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM r, salaries WHERE i < 3) SELECT * FROM r
SELECT * FROM (SELECT 1) t WHERE EXISTS (WITH salaries AS (SELECT 1) SELECT 1) AND EXISTS (FROM salaries)
PIVOT salaries ON note IN ('a') USING count(*)
SELECT * FROM (PIVOT salaries ON note IN ('a') USING count(*))
UNPIVOT salaries ON note
SUMMARIZE salaries
SUMMARIZE SELECT * FROM salaries
DESCRIBE salaries
DESCRIBE SELECT * FROM salaries
SHOW salaries
SELECT * FROM (SHOW salaries)
SELECT * FROM (DESCRIBE salaries)
SELECT * FROM salary_view
SELECT * FROM salaries AT (VERSION => 1)
SELECT * FROM people AT (TIMESTAMP => now())
-- records of ours, and of other roles
SELECT * FROM _pluto.commits
SELECT * FROM workspace._pluto.commits
SELECT * FROM pluto_role_agent.main.people
SELECT * FROM pluto_role_agent.people
SELECT * FROM {other}.main.salaries
SELECT * FROM {other}.salaries
SELECT * FROM {own}.main.people
-- attached databases
SELECT * FROM vault.main.gold
SELECT * FROM vault.gold
SELECT * FROM vault.people
SELECT vault.main.peek()
SELECT vault.peek()
-- the owner's macros, types, sequences, variables
SELECT peek()
SELECT main.peek()
SELECT workspace.main.peek()
SELECT * FROM peek_table()
SELECT * FROM workspace.main.peek_table()
SELECT getvariable('secret_variable')
SELECT getvariable('pluto_claim_region')
SELECT $secret_variable
SELECT $pluto_claim_region
SELECT ?
SELECT 'happy'::mood
SELECT 'happy'::workspace.main.mood
SELECT enum_range(NULL::mood)
SELECT nextval('counter')
SELECT currval('workspace.main.counter')
SELECT * FROM people WHERE region = $region
SET VARIABLE pluto_claim_region = 'US'
RESET VARIABLE pluto_claim_region
-- what there is
SELECT * FROM information_schema.tables
SELECT * FROM information_schema.columns
SELECT * FROM system.information_schema.tables
SELECT * FROM pg_catalog.pg_class
SELECT * FROM pg_class
SELECT * FROM sqlite_master
SELECT * FROM duckdb_tables
SELECT * FROM duckdb_tables()
SELECT * FROM duckdb_views()
SELECT * FROM duckdb_columns()
SELECT * FROM duckdb_functions()
SELECT * FROM duckdb_databases()
SELECT * FROM duckdb_settings()
SELECT * FROM duckdb_variables()
SELECT * FROM duckdb_constraints()
SELECT * FROM duckdb_memory()
SELECT * FROM duckdb_secrets()
SELECT * FROM pragma_table_info('salaries')
SELECT * FROM pragma_storage_info('people')
SELECT * FROM pragma_database_size()
SELECT * FROM system.main.duckdb_tables()
SHOW DATABASES
SHOW ALL TABLES
SHOW SCHEMAS
PRAGMA show_tables
PRAGMA database_list
CALL pragma_table_info('salaries')
SELECT current_setting('memory_limit')
SELECT current_schemas(true)
SELECT current_query()
SELECT pg_get_viewdef(1)
SELECT has_table_privilege('salaries', 'select')
SELECT 'salaries'::regclass
SELECT col_description(1, 1)
SELECT txid_current()
-- SQL and names in strings
SELECT * FROM query('SELECT * FROM salaries')
SELECT * FROM query_table('salaries')
SELECT * FROM query_table(['people', 'salaries'])
SELECT * FROM 'salaries'
SELECT json_serialize_plan('SELECT * FROM salaries')
SELECT json_execute_serialized_sql(json_serialize_sql('SELECT * FROM salaries'))
SELECT * FROM json_execute_serialized_sql(json_serialize_sql('SELECT * FROM salaries'))
SELECT * FROM summary((SELECT * FROM salaries))
SELECT * FROM seq_scan('salaries')
SELECT * FROM histogram('salaries', 'note')
SELECT * FROM histogram_values('salaries', 'note')
SELECT * FROM arrow_scan(1, 2, 3)
SELECT * FROM python_map_function(1)
-- files and frames
SELECT * FROM '{file}'
SELECT * FROM "{file}"
SELECT * FROM read_csv('{file}')
SELECT * FROM read_text('{file}')
SELECT * FROM read_blob('{file}')
SELECT * FROM read_json('{file}')
SELECT * FROM read_parquet('{file}')
SELECT * FROM glob('{folder}/*')
SELECT * FROM sniff_csv('{file}')
SELECT * FROM frame
SELECT * FROM session
SELECT * FROM parquet_metadata('{file}')
SELECT getenv('HOME')
-- columns that are not shown
SELECT ssn FROM people
SELECT people.ssn FROM people
SELECT main.people.ssn FROM people
SELECT workspace.main.people.ssn FROM people
SELECT COLUMNS('ssn') FROM people
SELECT * EXCLUDE (ssn) FROM people
SELECT * REPLACE (ssn AS id) FROM people
SELECT p.ssn FROM people p
SELECT id FROM people WHERE ssn LIKE '%'
SELECT id FROM people ORDER BY ssn
SELECT count(*) FROM people GROUP BY ssn
SELECT people['ssn'] FROM people
SELECT struct_extract(people, 'ssn') FROM people
SELECT rowid FROM people
SELECT stats(email) FROM people
SELECT stats(id) FROM people
-- anything but reading
EXPLAIN SELECT * FROM people
EXPLAIN ANALYZE SELECT * FROM people
CREATE VIEW v AS SELECT * FROM salaries
CREATE TABLE t AS SELECT 1
CREATE OR REPLACE VIEW people AS SELECT * FROM salaries
CREATE MACRO lower(x) AS 'mine'
CREATE TEMP MACRO m() AS TABLE SELECT * FROM salaries
DROP VIEW people
INSERT INTO people VALUES (9)
UPDATE people SET id = 1
DELETE FROM people
WITH x AS (DELETE FROM people RETURNING *) SELECT * FROM x
MERGE INTO people USING people p ON true WHEN MATCHED THEN DELETE
TRUNCATE people
ALTER TABLE people ADD COLUMN x INTEGER
COPY people TO '{folder}/out.csv'
COPY (SELECT * FROM people) TO '{folder}/out.csv'
EXPORT DATABASE '{folder}/out'
ATTACH ':memory:' AS more
DETACH workspace
USE workspace
USE workspace.main
SET search_path = 'workspace'
SET schema = 'workspace.main'
PRAGMA enable_profiling
CHECKPOINT
LOAD httpfs
INSTALL httpfs
PREPARE p AS SELECT * FROM salaries
EXECUTE pluto_statement
BEGIN
ROLLBACK
SELECT 1; SELECT * FROM salaries
SELECT * FROM people; USE workspace
