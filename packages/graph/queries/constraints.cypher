CREATE CONSTRAINT contour_tenant IF NOT EXISTS
FOR (t:Tenant) REQUIRE t.tenant_id IS UNIQUE;

CREATE CONSTRAINT contour_client IF NOT EXISTS
FOR (c:Client) REQUIRE (c.tenant_id, c.client_id) IS UNIQUE;

CREATE CONSTRAINT contour_channel_identity IF NOT EXISTS
FOR (i:ChannelIdentity) REQUIRE (i.tenant_id, i.channel, i.external_id) IS UNIQUE;

CREATE CONSTRAINT contour_dialog IF NOT EXISTS
FOR (d:Dialog) REQUIRE (d.tenant_id, d.dialog_id) IS UNIQUE;

CREATE CONSTRAINT contour_mirror IF NOT EXISTS
FOR (m:Mirror) REQUIRE m.mirror_id IS UNIQUE;
