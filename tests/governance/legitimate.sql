-- Statements an analyst writes over the tables of tables.sql, one a line: the Gate must let each pass and run.
-- plain reading
SELECT * FROM people
FROM people
FROM people SELECT name, age WHERE age > 30 ORDER BY ALL
SELECT name, age + 1 AS next_age FROM people WHERE name LIKE 'A%' AND age BETWEEN 20 AND 60
SELECT p.name, c.title FROM people p JOIN cities c ON p.city_id = c.id
SELECT name FROM people LEFT JOIN cities USING (city_id) ORDER BY 1
SELECT * FROM people NATURAL JOIN cities_by_city
SELECT name FROM people SEMI JOIN orders ON people.id = orders.person_id
SELECT name FROM people ANTI JOIN orders ON people.id = orders.person_id
SELECT * FROM people POSITIONAL JOIN cities
SELECT * FROM people, cities WHERE people.city_id = cities.id
SELECT main.people.name FROM main.people
SELECT r.reading FROM raw.sensors r ORDER BY reading DESC NULLS LAST LIMIT 3 OFFSET 1
SELECT "odd ""name""", "select" FROM "Sélection d'été"
SELECT * FROM "order" JOIN "My schema"."odd.table" ON true
SELECT count(*) FROM "range"
-- aggregates
SELECT city_id, count(*), avg(age), min(name), max(age) FROM people GROUP BY city_id HAVING count(*) > 0
SELECT city_id, count(*) FROM people GROUP BY ALL ORDER BY 2 DESC
SELECT city_id, age, count(*) FROM people GROUP BY ROLLUP (city_id, age)
SELECT city_id, age, count(*) FROM people GROUP BY CUBE (city_id, age)
SELECT city_id, grouping(city_id) FROM people GROUP BY GROUPING SETS ((city_id), ())
SELECT count(*) FILTER (WHERE age > 30), count(DISTINCT city_id), sum(age) FROM people
SELECT string_agg(name, ', ' ORDER BY age DESC) FROM people
SELECT quantile_cont(age, 0.5), median(age), mode(city_id), arg_max(name, age), approx_count_distinct(id) FROM people
SELECT histogram(city_id) FROM people
SELECT DISTINCT ON (city_id) name, city_id FROM people ORDER BY city_id, age DESC
SELECT DISTINCT city_id FROM people
-- windows
SELECT name, row_number() OVER (PARTITION BY city_id ORDER BY age) FROM people
SELECT name, sum(age) OVER (ORDER BY id ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM people
SELECT name, lag(age, 1, 0) OVER w, first_value(name) OVER w FROM people WINDOW w AS (ORDER BY age)
SELECT name FROM people QUALIFY rank() OVER (PARTITION BY city_id ORDER BY age DESC) = 1
SELECT avg(age) OVER (ORDER BY born RANGE BETWEEN INTERVAL 5 YEAR PRECEDING AND CURRENT ROW EXCLUDE TIES) FROM people
SELECT nth_value(age, 2 ORDER BY id) OVER (PARTITION BY city_id), ntile(4) OVER (ORDER BY age) FROM people
-- subqueries and CTEs
SELECT name FROM people WHERE age > (SELECT avg(age) FROM people)
SELECT name FROM people p WHERE EXISTS (SELECT 1 FROM orders o WHERE o.person_id = p.id)
SELECT name FROM people WHERE id IN (SELECT person_id FROM orders) AND city_id NOT IN (7, 8)
SELECT name FROM people WHERE age >= ALL (SELECT age FROM people) OR age = ANY (SELECT 1)
WITH a AS (SELECT * FROM people), b AS (SELECT * FROM a WHERE age > 20) SELECT count(*) FROM b
WITH a(x, y) AS MATERIALIZED (SELECT id, age FROM people) SELECT x FROM a
WITH people AS (SELECT * FROM people) SELECT * FROM people
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5) SELECT * FROM n
WITH RECURSIVE n AS (SELECT 1 AS i UNION SELECT i + 1 FROM n WHERE i < 5), m AS (FROM n) FROM m
SELECT * FROM (WITH x AS (SELECT 1 AS one) SELECT * FROM x) s, people
SELECT name, (SELECT sum(amount) FROM orders WHERE person_id = people.id) FROM people
SELECT * FROM people, LATERAL (SELECT sum(amount) AS s FROM orders WHERE person_id = people.id)
SELECT * FROM people ASOF JOIN orders ON people.id = orders.person_id AND people.born <= orders.day
-- set operations, VALUES, samples
SELECT id FROM people UNION ALL SELECT id FROM cities
SELECT id FROM people UNION SELECT person_id FROM orders EXCEPT SELECT 9 INTERSECT SELECT 1
SELECT name FROM people UNION ALL BY NAME SELECT title AS name FROM cities
(SELECT id FROM people ORDER BY id LIMIT 1) UNION ALL (SELECT id FROM cities LIMIT 1) ORDER BY 1
VALUES (1, 'a'), (2, 'b')
SELECT * FROM (VALUES (1, 'a'), (2, 'b')) v(n, t) WHERE n > 1
SELECT * FROM people USING SAMPLE 2 ROWS
SELECT * FROM people TABLESAMPLE reservoir(50%) REPEATABLE (7)
SELECT * FROM people LIMIT 50%
SELECT * FROM people LIMIT (SELECT 2)
-- shapes
SELECT * EXCLUDE (age) REPLACE (upper(name) AS name) RENAME (id AS key) FROM people
SELECT COLUMNS('a.*') FROM people
SELECT max(COLUMNS(* EXCLUDE (name, tags, facts, address, born))) FROM people
SELECT COLUMNS(lambda c: c LIKE 'n%') FROM people
SELECT unnest(tags) AS tag, name FROM people
SELECT * FROM unnest([1, 2, 3]) AS u(x)
SELECT i FROM range(5) r(i)
SELECT * FROM generate_series(DATE '2024-01-01', DATE '2024-02-01', INTERVAL 1 WEEK) AS g(d)
SELECT range(3), generate_series(1, 10, 3), range(DATE '2024-01-01', DATE '2024-01-03', INTERVAL 1 DAY)
SELECT d::DATE, count(born) FROM (SELECT unnest(generate_series(DATE '1980-01-01', DATE '2000-01-01', INTERVAL 1 YEAR)) AS d) LEFT JOIN people ON year(born) = year(d) GROUP BY ALL
PIVOT people ON city_id IN (1, 2) USING sum(age) GROUP BY name
SELECT * FROM (PIVOT orders ON product IN ('pen', 'ink') USING sum(amount), count(*) AS n)
SELECT * FROM orders PIVOT (sum(amount) FOR product IN ('pen', 'ink') GROUP BY person_id)
UNPIVOT (SELECT id, age, city_id FROM people) ON age, city_id INTO NAME field VALUE v
SELECT * FROM (SELECT id, age, city_id FROM people) UNPIVOT (v FOR field IN (age, city_id))
UNPIVOT (SELECT id, age, city_id FROM people) ON COLUMNS(* EXCLUDE id) INTO NAME field VALUE v
-- nested values
SELECT [x * 2 FOR x IN [1, 2, 3] IF x > 1], list_transform([1, 2], lambda x: x + 1), list_filter(tags, lambda t: t = 'a') FROM people
SELECT list_reduce([1, 2, 3], lambda a, b: a + b), tags[1], tags[1:2], tags[-1], len(tags) FROM people
SELECT {'a': 1, 'b': 'x'}, MAP {'k': 1}['k'], struct_pack(a := 1).a, row(1, 2)::VARCHAR, address.street FROM people
SELECT facts->'$.k', facts->>'k', json_extract(facts, '$.k'), facts.k, facts['k'] FROM people
SELECT key, value FROM people, json_each(facts)
SELECT j.key FROM people p, json_tree(p.facts) j
SELECT to_json(people), json_group_array(name) FROM people GROUP BY people
SELECT name[1:2], ('x').upper() FROM people
-- expressions
SELECT CASE WHEN age > 40 THEN 'old' WHEN age IS NULL THEN '?' ELSE 'young' END, coalesce(age, 0), nullif(age, 1), ifnull(age, 2) FROM people
SELECT CASE city_id WHEN 1 THEN 'one' END, if(age > 1, 'a', 'b'), age IS DISTINCT FROM 3, NOT (age > 3), -age, age // 2, age % 2, age ** 2 FROM people
SELECT age::VARCHAR, CAST(age AS DECIMAL(10, 2)), TRY_CAST(name AS INTEGER), ['1']::INTEGER[], DATE '2024-02-29', TIMESTAMP '2024-01-01 10:00:00' FROM people
SELECT TIMESTAMPTZ '2024-01-01 10:00:00+02' AT TIME ZONE 'Europe/Berlin', INTERVAL '3 days 2 hours', born + INTERVAL 1 MONTH FROM people
SELECT extract(year FROM born), date_trunc('month', born), strftime(born, '%Y-%m'), born - DATE '2000-01-01', age(born::TIMESTAMP), dayname(born) FROM people
SELECT NULL::STRUCT(a INTEGER, b VARCHAR[]), NULL::MAP(VARCHAR, INTEGER), NULL::INTEGER[3], NULL::UNION(n INTEGER, t VARCHAR), '{}'::JSON, uuid()::UUID
SELECT name ILIKE 'a%', name SIMILAR TO 'A.*', name ~ '^A', name NOT LIKE '%z', name GLOB 'A*', regexp_extract(name, '(A)', 1), name COLLATE NOCASE FROM people
SELECT name || '!', concat_ws('-', name, age), lpad(name, 10, ' '), repeat('ab', 3), format('{:>8} {}', name, age), printf('%05d', age), substring(name FROM 1 FOR 2), position('a' IN name), trim(BOTH ' ' FROM name) FROM people
SELECT current_date, current_timestamp, now(), today(), current_date - 7
SELECT levenshtein(name, 'Ada'), jaro_winkler_similarity(name, 'Ada'), md5(name), hash(name), strip_accents(name) FROM people
SELECT a: 1, b: age FROM people
SELECT age alias_one, lag(age) OVER (ORDER BY id) - age AS delta FROM people ORDER BY delta NULLS FIRST, name COLLATE NOCASE DESC
SELECT DISTINCT unnest(string_split(name, ' ')), regexp_split_to_array(name, ' ') FROM people
SELECT typeof(age), pg_typeof(age), 1_000, 1e3, 0x1F, 'it''s', $$dollar$$, E'a\tb' FROM people
SELECT #1, name FROM people ORDER BY #2
-- what is there
DESCRIBE people
DESCRIBE SELECT name FROM people
SHOW people
SUMMARIZE people
SUMMARIZE SELECT age FROM people
SELECT column_name FROM (DESCRIBE people)
SHOW TABLES
SHOW TABLES;
TABLE people
-- views of the user's own
SELECT * FROM adults
SELECT * FROM raw.hot ORDER BY reading
SELECT mood, count(*) FROM moods GROUP BY mood
SELECT * FROM moods WHERE mood = 'happy'
-- comments and layout
