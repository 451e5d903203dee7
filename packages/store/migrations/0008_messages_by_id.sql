-- outside a transaction
-- The key of messages with the id first, so that a message is found by its id alone. The next migration puts
-- it in the place of the old key, and no message pays for one more index.
create unique index concurrently messages_by_id on messages (id, tenant_id);
