UNWIND $rows AS row
MATCH (c:Client {tenant_id: row.tenant_id, client_id: row.client_id})
RETURN c {.tenant_id, .client_id, .name, .phone,
          owners: [(c)-[:OF]->(t) | [t.tenant_id]]} AS found
