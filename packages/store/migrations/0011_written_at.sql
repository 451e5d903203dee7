-- When a message was written, as its sender says; payload has the time as it was sent. Null for a message of an earlier
-- version.
alter table messages add column written_at timestamptz;
