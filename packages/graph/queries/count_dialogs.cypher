// STARTS WITH '' is true of every text, and lets the index of the whole key be used.
MATCH (d:Dialog)
WHERE d.tenant_id = $tenant_id AND d.dialog_id STARTS WITH ''
RETURN count(d) AS n
