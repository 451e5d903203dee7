import { CHANNEL_CODES, CHANNELS, normalisePhone } from '@contour/contract';
import type { Queryable } from '@contour/store/database';
import { type PoolClient, run } from '@contour/store/schema';
import { type AdoptOptions, FIRST_ID } from './batches.ts';
import { readShape, type Shape } from './legacy-shape.ts';
import type { Finding } from './structure-findings.ts';

interface Question extends Pick<Finding, 'code' | 'what' | 'verdict' | 'advice'> {
  /** Returns one row for each finding, with its text in the column `example`. */
  sql: string;
}

const CLIENT_OF = 'join clients c on c.id = i.client_id';

const OUR_CHANNELS = CHANNEL_CODES.map((code) => [CHANNELS[code].id, code] as const);

const ACCOUNTS: Question[] = [
  {
    code: 'shared_credentials',
    what: 'credentials of several tenants',
    verdict: 'decide',
    advice: 'leave each to one tenant: a message belongs to one tenant',
    // Lists accounts, because a report must not show a credential.
    sql: `select 'channel ' || channel_id || ': accounts ' || string_agg(id::text, ', ' order by id)
                   || ' of ' || count(distinct tenant_id) || ' tenants' as example
              from channel_accounts group by channel_id, account_id
            having count(distinct tenant_id) > 1`,
  },
  {
    code: 'repeated_credentials',
    what: 'credentials that occur several times in one tenant',
    verdict: 'apply',
    advice: 'one account keeps it and gets the dialogs of the others, which are switched off',
    sql: `select 'channel ' || channel_id || ': accounts ' || string_agg(id::text, ', ' order by id) as example
              from channel_accounts group by channel_id, account_id
            having count(distinct tenant_id) = 1 and count(*) > 1`,
  },
  {
    code: 'other_channels',
    what: 'channels whose id or code belongs to another channel',
    verdict: 'decide',
    advice: `the ids are ${OUR_CHANNELS.map(([id, code]) => `${id} ${code}`).join(', ')}`,
    sql: `select c.id || ' ' || c.code as example from channels c
             where exists (
               select from (values ${OUR_CHANNELS.map(([id, code]) => `(${id}, '${code}')`).join(', ')})
                 as ours(id, code)
                where (ours.id = c.id) <> (ours.code is not distinct from c.code))`,
  },
];

function tenantQuestions(shape: Shape, domainId: number | undefined): Question[] {
  const isUnknown = shape.has('tenants.domain_id') ? 'domain_id is null' : 'true';
  const withoutDomain: Question = {
    code: 'tenants_without_domain',
    what: 'tenants without a domain_id',
    verdict: 'decide',
    advice: 'set it, or say --domain-id <n> for all of them',
    sql: `select 'tenant ' || id as example from tenants where ${isUnknown}`,
  };
  const switched = ['tenants', 'channel_accounts'].filter((name) => shape.has(`${name}.is_active`));
  return [
    {
      code: 'clients_without_tenant',
      what: 'clients without a tenant',
      verdict: 'decide',
      advice: 'give each its tenant',
      sql: `select 'client ' || c.id as example from clients c
             where not exists (select from tenants t where t.id = c.tenant_id)`,
    },
    ...(domainId === undefined ? [withoutDomain] : []),
    ...switched.map(
      (table): Question => ({
        code: `${table}_without_switch`,
        what: `${table} that are neither on nor off`,
        verdict: 'decide',
        advice: 'set is_active',
        sql: `select id::text as example from ${table} where is_active is null`,
      }),
    ),
  ];
}

function identityQuestions(shape: Shape): Question[] {
  const key = 'c.tenant_id, i.channel_id, i.external_id';
  const shown = `'channel ' || i.channel_id || ', ' || i.external_id || ': '`;
  const isIncomplete = 'c.id is null or i.channel_id is null or i.external_id is null';
  const ofAnotherTenant: Question = {
    code: 'identities_of_another_tenant',
    what: 'identities whose client belongs to another tenant',
    verdict: 'decide',
    advice: 'give the identity its client’s tenant, or another client',
    sql: `select ${shown} || 'client ' || c.id as example from client_channels i ${CLIENT_OF}
           where i.tenant_id <> c.tenant_id`,
  };
  const repeated = (having: string, rest: string) =>
    `select ${shown} || ${rest} as example from client_channels i ${CLIENT_OF}
      group by ${key} having ${having}`;
  return [
    {
      code: 'disputed_identities',
      what: 'identities (tenant, channel, external_id) of several clients',
      verdict: 'apply',
      advice:
        'the client with the newest dialog keeps it, else the oldest; the others are set aside',
      sql: repeated(
        'count(distinct i.client_id) > 1',
        `'clients ' || string_agg(distinct i.client_id::text, ', ')`,
      ),
    },
    {
      code: 'repeated_identities',
      what: 'repeated identities of one client',
      verdict: 'apply',
      advice: 'one row stays, the others are set aside',
      sql: repeated(
        'count(distinct i.client_id) = 1 and count(*) > 1',
        `count(*) || ' rows of client ' || min(i.client_id::text)`,
      ),
    },
    {
      code: 'identities_without_client',
      what: 'identities that belong to no client, or lack their channel or external_id',
      verdict: 'apply',
      advice: 'set aside',
      sql: `select coalesce(${shown}, '?: ') || coalesce(i.client_id::text, 'no client') as example
              from client_channels i left ${CLIENT_OF} where ${isIncomplete}`,
    },
    {
      code: 'referenced_identities',
      what: 'foreign keys that refer to client_channels, whose repeated rows must be removed',
      verdict: 'decide',
      advice: 'correct the identities listed above, or drop the key first',
      sql: `select conrelid::regclass || '.' || conname as example from pg_constraint
             where contype = 'f' and confrelid = to_regclass('client_channels')
               and (exists (select from client_channels i ${CLIENT_OF} group by ${key} having count(*) > 1)
                 or exists (select from client_channels i left ${CLIENT_OF} where ${isIncomplete}))`,
    },
    ...(shape.has('client_channels.tenant_id') ? [ofAnotherTenant] : []),
  ];
}

function dialogQuestions(shape: Shape): Question[] {
  const tenant = shape.has('dialogs.tenant_id')
    ? 'coalesce(d.tenant_id, c.tenant_id)'
    : 'c.tenant_id';
  return [
    {
      code: 'several_open_dialogs',
      what: 'clients with several open dialogs in one channel account',
      verdict: 'apply',
      advice: 'the newest stays open, the others are closed',
      sql: `select 'client ' || client_id || ', account ' || channel_account_id || ': ' || count(*)
                   || ' open' as example
              from dialogs where status_id in (1, 2)
             group by client_id, channel_account_id having count(*) > 1`,
    },
    {
      code: 'dialogs_without_client',
      what: 'dialogs that belong to no client',
      verdict: 'decide',
      advice: 'give each its client, or remove it',
      sql: `select 'dialog ' || d.id as example from dialogs d
             where not exists (select from clients c where c.id = d.client_id)`,
    },
    {
      code: 'dialogs_of_another_tenant',
      what: 'dialogs whose client belongs to another tenant',
      verdict: 'decide',
      advice: 'give the dialog its client’s tenant, or another client',
      sql: `select 'dialog ' || d.id || ', client ' || c.id as example
              from dialogs d join clients c on c.id = d.client_id where ${tenant} <> c.tenant_id`,
    },
    {
      code: 'dialogs_without_account',
      what: 'dialogs without a channel account of their tenant',
      verdict: 'decide',
      advice: 'give each its account and channel, or remove it',
      sql: `select 'dialog ' || d.id as example from dialogs d join clients c on c.id = d.client_id
              left join channel_accounts a on a.id = d.channel_account_id and a.tenant_id = ${tenant}
             where a.id is null or d.channel_id is null`,
    },
  ];
}

/** Asks in one statement. Returns nothing if no row is found. */
async function ask(db: Queryable, { sql, ...question }: Question): Promise<Finding[]> {
  const [found] = await run<{ count: number; examples: string[] }>(
    db,
    `with bad as materialized (${sql})
     select (select count(*)::int from bad) as count,
            array(select example from bad limit 5) as examples`,
  );
  return found === undefined || found.count === 0 ? [] : [{ ...question, ...found }];
}

/** What in the rows stands in the way, except phones. */
export async function rowFindings(
  db: Queryable,
  { domainId, show }: Pick<AdoptOptions, 'domainId' | 'show'>,
): Promise<Finding[]> {
  const shape = await readShape(db);
  const questions = [
    ...ACCOUNTS,
    ...tenantQuestions(shape, domainId),
    ...identityQuestions(shape),
    ...dialogQuestions(shape),
  ];
  const findings: Finding[] = [];
  for (const [index, question] of questions.entries()) {
    findings.push(...(await ask(db, question)));
    show('looking at the rows', index + 1, questions.length);
  }
  return findings;
}

const PAGE = 5_000;

type Row = { id: string; tenant_id: string | null; phone: string };

const PHONES: Question[] = [
  {
    code: 'repeated_phones',
    what: 'phones shared by several clients of one tenant',
    verdict: 'apply',
    advice: 'the oldest client keeps it; the others keep the typed phone in phone_as_typed',
    sql: `select phone || ': clients ' || array_to_string((array_agg(id))[1:5], ', ') as example
            from contour_phones where is_usable group by tenant_id, phone having count(*) > 1`,
  },
  {
    code: 'unusable_phones',
    what: 'phones that are not a telephone number',
    verdict: 'apply',
    advice: 'kept only in phone_as_typed',
    sql: `select 'client ' || id || ': ' || phone as example from contour_phones where not is_usable`,
  },
];

/**
 * What normalising the phones would find. Reads clients page by page and gathers the normalised phones in
 * a temporary table of this connection.
 */
export async function phoneFindings(
  client: PoolClient,
  { region, show }: Pick<AdoptOptions, 'region' | 'show'>,
): Promise<Finding[]> {
  await client.query(
    'create temp table contour_phones (tenant_id uuid, id uuid, phone text, is_usable boolean)',
  );
  try {
    const counting = 'select count(phone)::int as n from clients';
    const [counted] = await run<{ n: number }>(client, counting);
    let seen = 0;
    for (let last: string | undefined = FIRST_ID; last !== undefined; ) {
      const rows: Row[] = await run<Row>(
        client,
        `select id, tenant_id, phone from clients where id > $1 and phone is not null
          order by id limit ${PAGE}`,
        [last],
      );
      const phones = rows.map(({ phone }) => normalisePhone(phone, region));
      await client.query(
        `insert into contour_phones
         select * from unnest($1::uuid[], $2::uuid[], $3::text[], $4::boolean[])`,
        [
          rows.map((row) => row.tenant_id),
          rows.map((row) => row.id),
          rows.map((row, index) => phones[index] ?? row.phone),
          phones.map((phone) => phone !== null),
        ],
      );
      seen += rows.length;
      show('looking at the phones', seen, Math.max(counted?.n ?? 0, seen));
      last = rows.at(-1)?.id;
    }
    const findings: Finding[] = [];
    for (const question of PHONES) findings.push(...(await ask(client, question)));
    return findings;
  } finally {
    await client.query('drop table contour_phones');
  }
}
