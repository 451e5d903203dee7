-- outside a transaction
-- A key of messages that begins with the id, so that a message is found by its id alone. The next migration replaces
-- the old key by it, so that no message needs one more index.
create unique index concurrently messages_by_id on messages (id, tenant_id);
