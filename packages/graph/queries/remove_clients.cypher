UNWIND $rows AS row
MATCH (n:Client {tenant_id: row.tenant_id, client_id: row.id})
DETACH DELETE n
