// The client may not be mirrored yet: then its node is created here, and create_client sets its properties.
UNWIND $rows AS row
MERGE (i:ChannelIdentity {
  tenant_id: row.tenant_id, channel: row.channel, external_id: row.external_id
})
MERGE (c:Client {tenant_id: row.tenant_id, client_id: row.client_id})
MERGE (c)-[own:REACHED_AT]->(i)
// Removes the edge from an earlier client, and duplicates.
WITH i, head(collect(own)) AS own
MATCH ()-[r:REACHED_AT]->(i)
WHERE r <> own
DELETE r
