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
  run: () => Promise<void>;
  /** Findings that only the owner can settle. While one of them is open, this step is left out. */
  unless: readonly string[];
}

const step = (name: string, run: Step['run'], unless: readonly string[] = []): Step => ({
  name,
  run,
  unless,
});

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
  const { client } = adopting;
  await client.query('delete from contour_adoption where step = $1', [`merge ${what}`]);
  await merge(adopting, what);
}

/** Makes a unique index of the first migration. On a duplicate it merges `what` again first. */
const unique = (adopting: Adopting, name: string, what?: keyof typeof MERGES) =>
  createIndex(
    adopting.client,
    indexOf(adopting.first, name),
    what && (() => mergeAgain(adopting, what)),
  );

/** Adds the missing columns and tables, and fills in what rows lack. */
function fillSteps({ client, first, options: { region, show } }: Adopting): Step[] {
  const isOurs = (sql: string) => !isAboutLegacyTable(sql);
  return [
    step('columns', () => addColumns(client)),
    step('tables of our own', () => runPiecewise(client, FIRST_MIGRATION, first, isOurs)),
    step('fill triggers', () => addFillTriggers(client)),
    step('channels', () => fillChannels(client), ['other_channels']),
    step(
      'tenants of identities',
      () => fillTenants(client, 'fill client_channels', 'client_channels', show),
      ['referenced_identities'],
    ),
    step('tenants of dialogs', () => fillTenants(client, 'fill dialogs', 'dialogs', show)),
    step('phones', () => normalisePhones(client, 'normalise phones', region, show)),
  ];
}

async function mergeCredentials(adopting: Adopting): Promise<void> {
  await mergeAccounts(adopting.client);
  // Rewrites the table, which is small: one row for each account of a tenant.
  await runDdl(adopting.client, FINGERPRINT);
  await unique(adopting, 'channel_accounts_fingerprint');
}

async function mergeIdentities(adopting: Adopting): Promise<void> {
  const { client, options } = adopting;
  await fillTenants(client, 'fill client_channels again', 'client_channels', options.show);
  await merge(adopting, 'identities');
  await createIndex(client, IDENTITY_KEY, () => mergeAgain(adopting, 'identities'));
  await unique(adopting, 'client_channels_client');
}

/** Merges duplicates while guards keep new ones out, and makes each unique index after its merge. */
function mergeSteps(adopting: Adopting): Step[] {
  const { client } = adopting;
  const { region, show } = adopting.options;
  const mergeInto = async (what: keyof typeof MERGES, index: string) => {
    await merge(adopting, what);
    await unique(adopting, index, what);
  };
  return [
    step('accounts', () => unique(adopting, 'channel_accounts_tenant')),
    // A credential of several tenants needs a decision. Repeats within one tenant are merged.
    step('credentials', () => mergeCredentials(adopting), ['shared_credentials']),
    step('indexes to find duplicates by', () => addHelperIndexes(client)),
    step('guards', async () => {
      await client.query(ANALYZE);
      await addGuards(client);
    }),
    step('phones typed meanwhile', () =>
      normalisePhones(client, 'normalise phones again', region, show),
    ),
    step('repeated phones', () => mergeInto('phones', 'clients_phone')),
    step('repeated identities', () => mergeIdentities(adopting), [
      ...['referenced_identities', 'identities_of_another_tenant'],
    ]),
    // Merging accounts brings their open dialogs together.
    step('open dialogs', () => mergeInto('dialogs', 'dialogs_open'), ['shared_credentials']),
  ];
}

function constraintSteps({ client, options: { domainId, region, show } }: Adopting): Step[] {
  const constrain = async () => {
    if (domainId !== undefined) await setDomain(client, domainId);
    await addTenantKeys(client);
    await requireColumns(client);
    await addForeignKeys(client);
  };
  return [
    step('constraints', constrain, UNSETTLED_ROWS),
    step('phones typed at last', () =>
      normalisePhones(client, 'normalise phones at last', region, show),
    ),
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
  for (const { name, unless, run } of steps) {
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
