// STARTS WITH '' is true for every text, and makes the index of the whole key usable.
MATCH (i:ChannelIdentity)
WHERE i.tenant_id = $tenant_id AND i.channel STARTS WITH '' AND i.external_id STARTS WITH ''
RETURN i.tenant_id AS tenant_id, i.channel AS channel, i.external_id AS id
