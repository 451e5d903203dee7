UNWIND $rows AS row
MATCH (i:ChannelIdentity {
  tenant_id: row.tenant_id, channel: row.channel, external_id: row.external_id
})
RETURN i {.tenant_id, .channel, .external_id,
          owners: [(c)-[:REACHED_AT]->(i) | [c.tenant_id, c.client_id]]} AS found
