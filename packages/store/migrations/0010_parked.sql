-- The dead-letter queue. A row is a message that could not be resolved or delivered, or a body that could not be read.
-- seq is the order of the first parking and the cursor of a list. version changes with every parking, so that
-- an entry is removed only if it is as it was read. Both come from one sequence.
create sequence parked_versions;

-- A dead message's row has no body, because messages holds it. channel is null if the body could not be read.
-- The code that writes texts bounds their length, so that every index takes them.
create table parked (
  id            uuid primary key,
  seq           bigint not null default nextval('parked_versions'),
  version       bigint not null default nextval('parked_versions'),
  reason        text not null,
  stage         text not null check (stage in ('resolve', 'deliver')),
  tenant_id     uuid,
  client_id     uuid,
  dialog_id     uuid,
  channel       text,
  fingerprint   text,
  mask          text,
  trace_id      text,
  error_code    text not null,
  error_message text not null,
  attempts      integer not null,
  received_at   timestamptz not null,
  failed_at     timestamptz not null default now(),
  body          text,
  bytes         integer not null,
  -- Whether the entry is released once its account is added or switched on.
  waits         boolean not null default false,
  -- Whether the sender was told that the message was not accepted. Only such entries may be dropped.
  was_refused   boolean not null default false,
  -- When Redis got the job that shows this version; null if it has none.
  indexed_at    timestamptz
);

create unique index parked_seq on parked (seq);
create index parked_reason on parked (reason, seq) include (bytes);
create index parked_tenant on parked (tenant_id, seq);
create index parked_account on parked (fingerprint, seq) include (reason, bytes);
create index parked_trace on parked (trace_id);
create index parked_waiting on parked (channel, fingerprint, received_at, seq) where waits;
create index parked_refused on parked (seq) include (id, version, bytes) where was_refused;
create index parked_unindexed on parked (seq) where indexed_at is null;

-- Entries that left the dead-letter queue in the last week. is_indexed: Redis may still show the entry.
create table parked_former (
  id         uuid primary key,
  reason     text not null,
  failed_at  timestamptz not null,
  left_at    timestamptz not null default now(),
  leaving    text not null check (leaving in ('let_in', 'cleared', 'dropped', 'erased')),
  is_indexed boolean not null default true
);

create index parked_former_left on parked_former (left_at);
create index parked_former_indexed on parked_former (left_at) where is_indexed;

-- Duties that only one worker may perform at a time.
create table parked_turns (
  duty       text primary key,
  holder     text not null default '',
  held_until timestamptz not null default '-infinity'
);

insert into parked_turns (duty) values ('release'), ('sweep'), ('rebuild');

-- moved_at is set once all entries that an earlier version kept in Redis are in parked.
create table parked_move (
  only_row boolean primary key default true check (only_row),
  moved_at timestamptz
);

insert into parked_move default values;
