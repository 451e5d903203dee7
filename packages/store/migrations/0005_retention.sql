-- How far the sweep for old messages has come, in blocks of the table, and when it last moved. The sweep
-- reads the table itself, a little at a time: an index on delivered_at would be written with every message.
create table retention_sweep (
  only_row   boolean primary key default true check (only_row),
  next_block bigint not null default 0,
  swept_at   timestamptz not null default '-infinity'
);

insert into retention_sweep default values;
