UNWIND $rows AS row
MATCH (n:Dialog {tenant_id: row.tenant_id, dialog_id: row.id})
DETACH DELETE n
