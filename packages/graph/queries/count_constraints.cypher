SHOW CONSTRAINTS YIELD name
WHERE name IN $names
RETURN count(*) AS n
