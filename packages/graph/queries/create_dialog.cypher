// The client may not be mirrored yet: then its node is created here, and create_client sets its properties.
UNWIND $rows AS row
MERGE (d:Dialog {tenant_id: row.tenant_id, dialog_id: row.dialog_id})
SET d.channel = row.channel, d.status = row.status
MERGE (c:Client {tenant_id: row.tenant_id, client_id: row.client_id})
MERGE (c)-[own:IN]->(d)
WITH d, head(collect(own)) AS own
MATCH ()-[r:IN]->(d)
WHERE r <> own
DELETE r
