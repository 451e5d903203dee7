-- payload_bytes is the length of payload as text. It bounds a take before any payload is read. It is null for
-- messages of earlier versions, which count as 256 KiB.
-- Both changes touch only the catalogue, so the lock is held for a moment.
alter table messages
  add column payload_bytes integer,
  drop constraint messages_pkey,
  add constraint messages_pkey primary key using index messages_by_id;
