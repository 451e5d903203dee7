import type { PoolClient } from '@contour/store';
import { runDdl } from './session.ts';

// Our own updates set this. A phone that the old system writes must be normalised again.
const OURS = `coalesce(current_setting('contour.adopting', true), '') = 'on'`;

const SET_ASIDE = 'insert into contour_adoption_set_aside (table_name, row_key, reason, before)';

/** Fills in the tenant, which the old system does not write. Stays after the adoption. */
const FILL_TENANT = `
create or replace function contour_fill_tenant() returns trigger language plpgsql as $$
begin
  select tenant_id into new.tenant_id from clients where id = new.client_id;
  return new;
end $$`;

/** Removes the mark of normalised phones from a phone that was typed again. */
const NOTE_TYPED = `
create or replace function contour_adopt_note_typed() returns trigger language plpgsql as $$
begin
  if not ${OURS} then new.phone_as_typed := null; end if;
  return new;
end $$`;

// Guards set aside new duplicates while the unique indexes are made. Otherwise the old system could
// make every attempt fail. Two inserts at the same moment still pass; then the index is tried again.
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
 * Makes a trigger function with its owner's rights, because the old system's roles may have none on the
 * tables it reads. So its search path is fixed, and no other role may use it for a trigger.
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

/** Gives every new row its tenant, and marks phones that are typed from now on. */
export async function addFillTriggers(client: PoolClient): Promise<void> {
  await addFunction(client, 'contour_fill_tenant', FILL_TENANT);
  await runDdl(client, NOTE_TYPED);
  for (const table of ['client_channels', 'dialogs']) {
    // `a` runs it before the guards: triggers fire in the order of their names.
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

/** Keeps new duplicates out. The lookups need the helper indexes of `keys.ts`. */
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

/** Drops the guards, once the unique indexes keep duplicates out. */
export async function dropGuards(client: PoolClient): Promise<void> {
  for (const [table, , , what] of GUARDS) {
    await runDdl(client, `drop trigger if exists contour_adopt_guard on ${table}`);
    await runDdl(client, `drop function if exists contour_adopt_guard_${what}()`);
  }
  await runDdl(client, 'drop trigger if exists contour_a_note_typed on clients');
  await runDdl(client, 'drop function if exists contour_adopt_note_typed()');
}
