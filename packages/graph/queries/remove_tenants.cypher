UNWIND $rows AS row
MATCH (n:Tenant {tenant_id: row.tenant_id})
DETACH DELETE n
