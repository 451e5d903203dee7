// STARTS WITH '' is true for every text, and makes the index of the whole key usable.
MATCH (c:Client)
WHERE c.tenant_id = $tenant_id AND c.client_id STARTS WITH '' AND c.phone = $phone
RETURN count(c) AS n
