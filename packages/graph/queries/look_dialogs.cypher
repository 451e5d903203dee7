UNWIND $rows AS row
MATCH (d:Dialog {tenant_id: row.tenant_id, dialog_id: row.dialog_id})
RETURN d {.tenant_id, .dialog_id, .channel, .status,
          owners: [(c)-[:IN]->(d) | [c.tenant_id, c.client_id]]} AS found
