"""GraphQL over what an actor may see: a schema made from its tables, compiled to reads and writes of `session.rows`.

A document is parsed and checked by graphql-core, weighed (`limits`), turned into one plan (`plan`), and the plan is
read level by level, one statement for each list (`read`). No resolver runs row by row.
"""
