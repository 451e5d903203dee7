-- What the graph shows of a row is marked by graph_synced_at. The marks are kept by triggers, because
-- other services write these tables too: a change of anything that the graph shows takes the mark
-- away, and a deleted row leaves a note of what has to go.

-- Since when a row without a mark has been waiting. A column of its own: updated_at changes with every
-- message of a dialog, and a column that an index reads must not.
alter table clients         add column graph_changed_at timestamptz not null default now();
alter table client_channels add column graph_changed_at timestamptz not null default now(),
                            add column graph_synced_at  timestamptz;
alter table dialogs         add column graph_changed_at timestamptz not null default now(),
                            add column graph_synced_at  timestamptz;

create index clients_unmirrored on clients (graph_changed_at, tenant_id, id)
  where graph_synced_at is null;
create index client_channels_unmirrored
  on client_channels (graph_changed_at, tenant_id, channel_id, external_id)
  where graph_synced_at is null;
create index dialogs_unmirrored on dialogs (graph_changed_at, tenant_id, id)
  where graph_synced_at is null;

create function contour_clear_graph_mark() returns trigger language plpgsql as $$
begin
  new.graph_synced_at := null;
  new.graph_changed_at := now();
  return new;
end $$;

create trigger clear_graph_mark before update on clients for each row
  when ((old.tenant_id, old.id, old.name, old.phone)
        is distinct from (new.tenant_id, new.id, new.name, new.phone))
  execute function contour_clear_graph_mark();
create trigger clear_graph_mark before update on client_channels for each row
  when ((old.tenant_id, old.channel_id, old.external_id, old.client_id)
        is distinct from (new.tenant_id, new.channel_id, new.external_id, new.client_id))
  execute function contour_clear_graph_mark();
create trigger clear_graph_mark before update on dialogs for each row
  when ((old.tenant_id, old.id, old.client_id, old.channel_id, old.status_id)
        is distinct from (new.tenant_id, new.id, new.client_id, new.channel_id, new.status_id))
  execute function contour_clear_graph_mark();

-- id is the external id of an identity, and otherwise the row's own. All are text: what a comparison
-- finds too much in the graph may be anything.
create table graph_removals (
  seq        bigint generated always as identity primary key,
  kind       text not null check (kind in ('tenants', 'clients', 'identities', 'dialogs')),
  tenant_id  text not null,
  channel    text not null default '',
  id         text not null default '',
  removed_at timestamptz not null default now()
);

create index graph_removals_key on graph_removals (tenant_id, kind, id);

create function contour_note_graph_removal() returns trigger language plpgsql as $$
begin
  if tg_argv[0] = 'tenants' then
    insert into graph_removals (kind, tenant_id) values ('tenants', old.id);
  elsif tg_argv[0] = 'identities' then
    insert into graph_removals (kind, tenant_id, channel, id)
    select 'identities', old.tenant_id, code, old.external_id from channels where id = old.channel_id;
  else
    insert into graph_removals (kind, tenant_id, id) values (tg_argv[0], old.tenant_id, old.id);
  end if;
  return null;
end $$;

create trigger note_graph_removal after delete on tenants for each row
  execute function contour_note_graph_removal('tenants');
create trigger note_graph_removal after delete on clients for each row
  execute function contour_note_graph_removal('clients');
create trigger note_graph_removal after delete on client_channels for each row
  execute function contour_note_graph_removal('identities');
create trigger note_graph_removal after delete on dialogs for each row
  execute function contour_note_graph_removal('dialogs');

-- A row that gets another key leaves the node of the old one behind.
create trigger note_graph_move after update on clients for each row
  when ((old.tenant_id, old.id) is distinct from (new.tenant_id, new.id))
  execute function contour_note_graph_removal('clients');
create trigger note_graph_move after update on client_channels for each row
  when ((old.tenant_id, old.channel_id, old.external_id)
        is distinct from (new.tenant_id, new.channel_id, new.external_id))
  execute function contour_note_graph_removal('identities');
create trigger note_graph_move after update on dialogs for each row
  when ((old.tenant_id, old.id) is distinct from (new.tenant_id, new.id))
  execute function contour_note_graph_removal('dialogs');

-- Who may write to the graph. A turn that was lost can still be on its way there: the graph remembers
-- the latest turn that wrote, under mirror_id, and refuses an earlier one.
create table graph_turns (
  only_row   boolean primary key default true check (only_row),
  mirror_id  uuid not null default gen_random_uuid(),
  turn       bigint not null default 0,
  held_until timestamptz not null default '-infinity'
);

insert into graph_turns default values;
