// STARTS WITH '' is true of every text, and lets the index of the whole key be used.
MATCH (c:Client)
WHERE c.tenant_id = $tenant_id AND c.client_id STARTS WITH '' AND c.phone = $phone
RETURN count(c) AS n
