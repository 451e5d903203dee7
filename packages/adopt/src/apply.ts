import type { PhoneRegion } from '@contour/contract';
import {
  createIndex,
  FIRST_MIGRATION,
  migrationNames,
  noteMigrations,
  type PoolClient,
  readMigration,
  splitSql,
  sqlState,
} from '@contour/store';
import { finishStep, isStepDone, openAdoptionLog, type ShowProgress } from './batches.ts';
import { addColumns, requireColumns, setDomain } from './columns.ts';
import { fillChannels, fillTenants, normalisePhones } from './fill.ts';
import { addFillTriggers, addGuards, dropGuards } from './guards.ts';
import {
  addForeignKeys,
  addHelperIndexes,
  addTenantKeys,
  dropHelperIndexes,
  IDENTITY_KEY,
} from './keys.ts';
import { MERGES, mergeAccounts, mergeRows } from './merge-duplicates.ts';
import { indexOf, isAboutLegacyTable, runPiecewise } from './migration-statements.ts';
import { runDdl } from './session.ts';
import type { Finding } from './structure-findings.ts';

export interface AdoptOptions {
  region: PhoneRegion;
  /** For tenants that have none. */
  domainId?: number | undefined;
  show: ShowProgress;
  /** Ends the work at once; the next --apply continues from there. */
  signal?: AbortSignal;
}

interface Step {
  name: string;
  /** Findings that only the owner can settle. While one of them is open, this step is left out. */
  unless?: readonly string[];
  run: () => Promise<void>;
}

interface Adopting {
  client: PoolClient;
  /** The statements of the first migration. */
  first: readonly string[];
  options: AdoptOptions;
}

const UNSETTLED_ROWS = [
  ...['clients_without_tenant', 'tenants_without_domain', 'identities_of_another_tenant'],
  ...['dialogs_without_client', 'dialogs_of_another_tenant', 'dialogs_without_account'],
  ...['tenants_without_switch', 'channel_accounts_without_switch', 'other_channels'],
];

const FINGERPRINT =
  'alter table channel_accounts add column if not exists fingerprint text not null ' +
  'generated always as (contour_fingerprint(account_id)) stored';

const ANALYZE = 'analyze clients, client_channels, dialogs';

const merge = ({ client, options }: Adopting, what: keyof typeof MERGES) =>
  mergeRows(client, `merge ${what}`, MERGES[what], options.show);

async function mergeAgain(adopting: Adopting, what: keyof typeof MERGES): Promise<void> {
  const step = [`merge ${what}`];
  await adopting.client.query('delete from contour_adoption where step = $1', step);
  await merge(adopting, what);
}

/** Makes a unique index of the first migration. On a duplicate it merges `what` again first. */
const unique = (adopting: Adopting, name: string, what?: keyof typeof MERGES) =>
  createIndex(
    adopting.client,
    indexOf(adopting.first, name),
    what && (() => mergeAgain(adopting, what)),
  );

/** Adds the missing columns and tables, and fills in what new rows lack. */
function fillSteps({ client, first, options: { region, show } }: Adopting): Step[] {
  return [
    { name: 'columns', run: () => addColumns(client) },
    {
      name: 'tables of our own',
      run: () => runPiecewise(client, FIRST_MIGRATION, first, (sql) => !isAboutLegacyTable(sql)),
    },
    { name: 'fill triggers', run: () => addFillTriggers(client) },
    { name: 'channels', unless: ['other_channels'], run: () => fillChannels(client) },
    {
      name: 'tenants of identities',
      unless: ['referenced_identities'],
      run: () => fillTenants(client, 'fill client_channels', 'client_channels', show),
    },
    {
      name: 'tenants of dialogs',
      run: () => fillTenants(client, 'fill dialogs', 'dialogs', show),
    },
    { name: 'phones', run: () => normalisePhones(client, 'normalise phones', region, show) },
  ];
}

/** Merges duplicates while guards keep new ones out, and makes each unique index behind its merge. */
function mergeSteps(adopting: Adopting): Step[] {
  const { client } = adopting;
  const { region, show } = adopting.options;
  return [
    { name: 'accounts', run: () => unique(adopting, 'channel_accounts_tenant') },
    {
      name: 'credentials',
      // A credential of several tenants needs a decision; repeats within one tenant are merged.
      unless: ['shared_credentials'],
      async run() {
        await mergeAccounts(client);
        // Rewrites the table, which is small: one row for each account of a tenant.
        await runDdl(client, FINGERPRINT);
        await unique(adopting, 'channel_accounts_fingerprint');
      },
    },
    { name: 'indexes to find duplicates by', run: () => addHelperIndexes(client) },
    {
      name: 'guards',
      async run() {
        await client.query(ANALYZE);
        await addGuards(client);
      },
    },
    {
      name: 'phones typed meanwhile',
      run: () => normalisePhones(client, 'normalise phones again', region, show),
    },
    {
      name: 'repeated phones',
      async run() {
        await merge(adopting, 'phones');
        await unique(adopting, 'clients_phone', 'phones');
      },
    },
    {
      name: 'repeated identities',
      unless: ['referenced_identities', 'identities_of_another_tenant'],
      async run() {
        await fillTenants(client, 'fill client_channels again', 'client_channels', show);
        await merge(adopting, 'identities');
        await createIndex(client, IDENTITY_KEY, () => mergeAgain(adopting, 'identities'));
        await unique(adopting, 'client_channels_client');
      },
    },
    {
      name: 'open dialogs',
      // Merging accounts brings their open dialogs together.
      unless: ['shared_credentials'],
      async run() {
        await merge(adopting, 'dialogs');
        await unique(adopting, 'dialogs_open', 'dialogs');
      },
    },
  ];
}

function constraintSteps({ client, options }: Adopting): Step[] {
  const { domainId, region, show } = options;
  return [
    {
      name: 'constraints',
      unless: UNSETTLED_ROWS,
      async run() {
        if (domainId !== undefined) await setDomain(client, domainId);
        await addTenantKeys(client);
        await requireColumns(client);
        await addForeignKeys(client);
      },
    },
    {
      name: 'phones typed at last',
      run: () => normalisePhones(client, 'normalise phones at last', region, show),
    },
  ];
}

/** A constraint refused rows. The old system may bring in such rows at any moment, so this is no failure. */
const isRefused = (error: unknown) => /^23/.test(sqlState(error));

/**
 * Takes every step that can be taken, each once, and returns the steps that could not. The order keeps
 * the old system from undoing a step behind its back. When no step is left, the migrations are noted as
 * applied and the guards are dropped.
 */
export async function applySteps(
  client: PoolClient,
  decisions: readonly Finding[],
  options: AdoptOptions,
): Promise<string[]> {
  const { show } = options;
  await openAdoptionLog(client);
  const undecided = new Set(decisions.map(({ code }) => code));
  const adopting = { client, first: splitSql(await readMigration(FIRST_MIGRATION)), options };
  const steps = [...fillSteps(adopting), ...mergeSteps(adopting), ...constraintSteps(adopting)];
  const left: string[] = [];
  for (const { name, unless = [], run } of steps) {
    if (await isStepDone(client, name)) continue;
    if (unless.some((code) => undecided.has(code))) {
      left.push(name);
      continue;
    }
    show(name, 0, 1);
    try {
      await run();
      await finishStep(client, name);
      show(name, 1, 1);
    } catch (error) {
      if (!isRefused(error)) throw error;
      left.push(`${name}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  if (left.length === 0 && undecided.size === 0) await finish(client, show);
  return left;
}

async function finish(client: PoolClient, show: ShowProgress): Promise<void> {
  // Before the last migrations: the resolver may start after them, and no guard may change its rows.
  await dropGuards(client);
  await dropHelperIndexes(client);
  const names = await migrationNames();
  for (const name of names) {
    show(name, 0, 1);
    if (name !== FIRST_MIGRATION)
      await runPiecewise(client, name, splitSql(await readMigration(name)));
    show(name, 1, 1);
  }
  await noteMigrations(client, names);
  await client.query(ANALYZE);
}
