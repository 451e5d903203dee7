-- payload_bytes is the length of payload as text. A take is bounded by it before any payload is read. Null for
-- messages of earlier versions: they count as 256 KiB.
-- Both changes touch the catalogue alone, so the lock is held for a moment.
alter table messages
  add column payload_bytes integer,
  drop constraint messages_pkey,
  add constraint messages_pkey primary key using index messages_by_id;
