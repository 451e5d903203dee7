import { createIndex } from '../ddl/create-index.ts';
import { splitSql } from '../ddl/split-sql.ts';
import { FIRST_MIGRATION, migrationNames, noteMigrations, readMigration } from '../migrate.ts';
import type { PoolClient } from '../pool.ts';
import { sqlState } from '../sql-error.ts';
import type { AdoptOptions } from './adopt-options.ts';
import { finishStep, isStepDone, openAdoptionLog } from './adoption-log.ts';
import { addColumns, requireColumns, setDomain } from './columns.ts';
import { fillChannels } from './fill-channels.ts';
import { fillTenants } from './fill-tenants.ts';
import type { Finding } from './finding.ts';
import { addForeignKeys } from './foreign-keys.ts';
import { addFillTriggers, addGuards, dropGuards } from './guards.ts';
import {
  addHelperIndexes,
  addTenantKeys,
  dropHelperIndexes,
  IDENTITY_KEY,
} from './helper-indexes.ts';
import type { ShowProgress } from './in-batches.ts';
import { mergeAccounts } from './merge-accounts.ts';
import { MERGES, mergeRows } from './merge-rows.ts';
import { indexOf, isAboutLegacyTable, runPiecewise } from './migration-statements.ts';
import { normalisePhones } from './normalise-phones.ts';
import { runDdl } from './run-ddl.ts';

interface Step {
  name: string;
  /** Findings that only the owner can settle, and before which this step is not taken. */
  unless?: readonly string[];
  run: () => Promise<void>;
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

/** In an order in which nothing comes in again behind the step that has set it right. */
function stepsOf(client: PoolClient, first: readonly string[], options: AdoptOptions): Step[] {
  const { region, show } = options;
  const merge = (what: keyof typeof MERGES) =>
    mergeRows(client, `merge ${what}`, MERGES[what], show);
  const mergeAgain = async (what: keyof typeof MERGES) => {
    await client.query('delete from contour_adoption where step = $1', [`merge ${what}`]);
    await merge(what);
  };
  const unique = (name: string, what?: keyof typeof MERGES) =>
    createIndex(client, indexOf(first, name), what && (() => mergeAgain(what)));
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
    { name: 'accounts', run: () => unique('channel_accounts_tenant') },
    {
      name: 'credentials',
      // Once it is settled whose they are, one tenant may have them several times.
      unless: ['shared_credentials'],
      async run() {
        await mergeAccounts(client);
        // Rewrites the table, which is small: one row for each account of a tenant.
        await runDdl(client, FINGERPRINT);
        await unique('channel_accounts_fingerprint');
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
        await merge('phones');
        await unique('clients_phone', 'phones');
      },
    },
    {
      name: 'repeated identities',
      unless: ['referenced_identities', 'identities_of_another_tenant'],
      async run() {
        await fillTenants(client, 'fill client_channels again', 'client_channels', show);
        await merge('identities');
        await createIndex(client, IDENTITY_KEY, () => mergeAgain('identities'));
        await unique('client_channels_client');
      },
    },
    {
      name: 'open dialogs',
      // Accounts that are merged bring their open dialogs together.
      unless: ['shared_credentials'],
      async run() {
        await merge('dialogs');
        await unique('dialogs_open', 'dialogs');
      },
    },
    {
      name: 'constraints',
      unless: UNSETTLED_ROWS,
      async run() {
        if (options.domainId !== undefined) await setDomain(client, options.domainId);
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

/** What no step of ours may settle; a system that goes on writing may bring it in at any moment. */
const isRefused = (error: unknown) => /^23/.test(sqlState(error));

/**
 * Takes every step that can be taken, each once, and says which could not. When all of them are, the
 * migrations count as applied and the guards go.
 */
export async function applySteps(
  client: PoolClient,
  decisions: readonly Finding[],
  options: AdoptOptions,
): Promise<string[]> {
  const { show } = options;
  await openAdoptionLog(client);
  const undecided = new Set(decisions.map(({ code }) => code));
  const first = splitSql(await readMigration(FIRST_MIGRATION));
  const left: string[] = [];
  for (const { name, unless = [], run } of stepsOf(client, first, options)) {
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
  // The resolver cannot begin before the last migrations: no guard of ours may meddle with its rows.
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
