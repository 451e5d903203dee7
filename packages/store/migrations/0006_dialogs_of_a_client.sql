-- outside a transaction
-- All dialogs of a client, closed ones too. Without it an erasure reads the whole table, and so does every
-- deletion of a client, to see that no dialog refers to it. No message changes what it holds.
create index concurrently dialogs_client on dialogs (tenant_id, client_id);
