// STARTS WITH '' is true of every text, and lets the index of the whole key be used.
MATCH (d:Dialog)
WHERE d.tenant_id = $tenant_id AND d.dialog_id STARTS WITH ''
RETURN d.tenant_id AS tenant_id, '' AS channel, d.dialog_id AS id
