import type { PoolClient } from '../pool.ts';
import { runDdl } from './run-ddl.ts';

// Our own updates of a phone say so: theirs have to be normalised again.
const OURS = `coalesce(current_setting('contour.adopting', true), '') = 'on'`;

const SET_ASIDE = 'insert into contour_adoption_set_aside (table_name, row_key, reason, before)';

/** Fills in the tenant that the old system does not know of. Stays for as long as it goes on writing. */
const FILL_TENANT = `
create or replace function contour_fill_tenant() returns trigger language plpgsql as $$
begin
  select tenant_id into new.tenant_id from clients where id = new.client_id;
  return new;
end $$`;

/** A phone that was typed anew has not been normalised: it loses the mark of those that were. */
const NOTE_TYPED = `
create or replace function contour_adopt_note_typed() returns trigger language plpgsql as $$
begin
  if not ${OURS} then new.phone_as_typed := null; end if;
  return new;
end $$`;

// What the unique indexes will refuse is set aside while they are made: otherwise a system that goes
// on making duplicates would spoil each attempt. Two at the very same moment still pass; then the
// index is tried again.
const GUARD_PHONE = `
create or replace function contour_adopt_guard_phone() returns trigger language plpgsql as $$
begin
  if exists (select from clients c
              where c.tenant_id = new.tenant_id and c.phone = new.phone and c.id <> new.id) then
    new.phone_as_typed := coalesce(new.phone_as_typed, new.phone);
    ${SET_ASIDE} values ('clients', new.id::text, 'phone_of_another_client', to_jsonb(new));
    new.phone := null;
  end if;
  return new;
end $$`;

const GUARD_IDENTITY = `
create or replace function contour_adopt_guard_identity() returns trigger language plpgsql as $$
begin
  if exists (select from client_channels i where i.tenant_id = new.tenant_id
                and i.channel_id = new.channel_id and i.external_id = new.external_id) then
    ${SET_ASIDE} values ('client_channels', null, 'identity_known', to_jsonb(new));
    return null;
  end if;
  return new;
end $$`;

const GUARD_DIALOG = `
create or replace function contour_adopt_guard_dialog() returns trigger language plpgsql as $$
begin
  with was as (
    select d.id, to_jsonb(d) as before from dialogs d
     where d.tenant_id = new.tenant_id and d.client_id = new.client_id
       and d.channel_account_id = new.channel_account_id and d.status_id in (1, 2) and d.id <> new.id
       for update
  ), closed as (
    update dialogs d set status_id = 3 from was where d.id = was.id returning d.id, was.before
  )
  ${SET_ASIDE} select 'dialogs', id::text, 'closed_for_a_newer_one', before from closed;
  return new;
end $$`;

/**
 * Makes a trigger function that has its owner's rights: the old system's roles may have none on the
 * tables it looks into. So it finds only what the owner finds, and nobody puts it on a table of theirs.
 */
async function addFunction(client: PoolClient, name: string, sql: string): Promise<void> {
  const { rows } = await client.query<{ path: string }>(
    `select string_agg(quote_ident(name), ', ') as path from unnest(current_schemas(false)) as name`,
  );
  await runDdl(
    client,
    `${sql} security definer set search_path = pg_catalog, ${rows[0]?.path}, pg_temp;
     revoke execute on function ${name}() from public`,
  );
}

/** From here on every new row has its tenant, and phones typed anew are known. */
export async function addFillTriggers(client: PoolClient): Promise<void> {
  await addFunction(client, 'contour_fill_tenant', FILL_TENANT);
  await runDdl(client, NOTE_TYPED);
  for (const table of ['client_channels', 'dialogs']) {
    // Named so that it runs before the guards: triggers fire in the order of their names.
    await runDdl(
      client,
      `create or replace trigger contour_a_fill_tenant before insert or update on ${table}
         for each row when (new.tenant_id is null) execute function contour_fill_tenant()`,
    );
  }
  await runDdl(
    client,
    `create or replace trigger contour_a_note_typed before update on clients for each row
       when (old.phone is distinct from new.phone) execute function contour_adopt_note_typed()`,
  );
}

const GUARDS = [
  [
    'clients',
    'insert or update of phone, tenant_id',
    'new.phone is not null',
    'phone',
    GUARD_PHONE,
  ],
  ['client_channels', 'insert', 'true', 'identity', GUARD_IDENTITY],
  ['dialogs', 'insert or update of status_id', 'new.status_id in (1, 2)', 'dialog', GUARD_DIALOG],
] as const;

/** From here on no new duplicate comes in. The lookups need the indexes of `helper-indexes.ts`. */
export async function addGuards(client: PoolClient): Promise<void> {
  for (const [table, events, condition, what, sql] of GUARDS) {
    await addFunction(client, `contour_adopt_guard_${what}`, sql);
    await runDdl(
      client,
      `create or replace trigger contour_adopt_guard before ${events} on ${table} for each row
         when (${condition}) execute function contour_adopt_guard_${what}()`,
    );
  }
}

/** The unique indexes have taken over. */
export async function dropGuards(client: PoolClient): Promise<void> {
  for (const [table, , , what] of GUARDS) {
    await runDdl(client, `drop trigger if exists contour_adopt_guard on ${table}`);
    await runDdl(client, `drop function if exists contour_adopt_guard_${what}()`);
  }
  await runDdl(client, 'drop trigger if exists contour_a_note_typed on clients');
  await runDdl(client, 'drop function if exists contour_adopt_note_typed()');
}
