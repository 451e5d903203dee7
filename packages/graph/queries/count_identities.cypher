// STARTS WITH '' is true for every text, and makes the index of the whole key usable.
MATCH (i:ChannelIdentity)
WHERE i.tenant_id = $tenant_id AND i.channel STARTS WITH '' AND i.external_id STARTS WITH ''
RETURN count(i) AS n
