UNWIND $rows AS row
MERGE (c:Client {tenant_id: row.tenant_id, client_id: row.client_id})
SET c.name = row.name, c.phone = row.phone
MERGE (t:Tenant {tenant_id: row.tenant_id})
MERGE (c)-[own:OF]->(t)
// Any other edge, or a second edge to the tenant, is a mistake.
WITH c, head(collect(own)) AS own
MATCH (c)-[r:OF]->()
WHERE r <> own
DELETE r
