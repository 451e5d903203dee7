-- The dead-letter queue. One row is one message that could not go on, or one body that could not be read.
-- seq is the order of the first parking and the cursor of a list. version changes with every parking, so that
-- an entry is removed only as it was read. Both come from one sequence.
create sequence parked_versions;

-- A dead message's row has no body: the message itself holds it. channel is null where the body could not be
-- read. Texts are bounded by the code that writes them, so that every index takes them.
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
  -- Its account may come, or be switched on: then it is released.
  waits         boolean not null default false,
  -- Its sender was told that it was not accepted: only these make room for others.
  was_refused   boolean not null default false,
  -- When Redis got the job that shows this version; null where it has not.
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

-- What left the dead-letter queue in the last week, and how. is_indexed: Redis may still show it.
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

-- Duties that one worker does at a time.
create table parked_turns (
  duty       text primary key,
  holder     text not null default '',
  held_until timestamptz not null default '-infinity'
);

insert into parked_turns (duty) values ('release'), ('sweep'), ('rebuild');

-- Whether the entries that an earlier version kept in Redis are all in this table.
create table parked_move (
  only_row boolean primary key default true check (only_row),
  moved_at timestamptz
);

insert into parked_move default values;
