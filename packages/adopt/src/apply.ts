import { migrationNames } from '@contour/store/migrations';
import {
  createIndex,
  FIRST_MIGRATION,
  noteMigrations,
  type PoolClient,
  readMigration,
  splitSql,
  sqlState,
} from '@contour/store/schema';
import {
  type Adopting,
  type AdoptOptions,
  finishStep,
  isStepDone,
  openAdoptionLog,
  type ShowProgress,
} from './batches.ts';
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
import { mergeAccounts, mergeInto } from './merge-duplicates.ts';
import { indexOf, isOurs, runPiecewise } from './migration-statements.ts';
import { runDdl } from './session.ts';
import type { Finding } from './structure-findings.ts';

/** While one of the findings of `unless` is open, which only the owner can settle, a step is left out. */
type Step = [name: string, run: () => Promise<void>, unless?: readonly string[]];

const UNSETTLED_ROWS = [
  ...['clients_without_tenant', 'tenants_without_domain', 'identities_of_another_tenant'],
  ...['dialogs_without_client', 'dialogs_of_another_tenant', 'dialogs_without_account'],
  ...['tenants_without_switch', 'channel_accounts_without_switch', 'other_channels'],
];

const FINGERPRINT =
  'alter table channel_accounts add column if not exists fingerprint text not null ' +
  'generated always as (contour_fingerprint(account_id)) stored';

const ANALYZE = 'analyze clients, client_channels, dialogs';

/** Makes a unique index of the first migration. */
const unique = ({ client, first }: Adopting, name: string) =>
  createIndex(client, indexOf(first, name));

/** Adds the missing columns and tables, and fills in what rows lack. */
function fillSteps(adopting: Adopting): Step[] {
  const { client, first } = adopting;
  const fillIdentities = () => fillTenants(adopting, 'fill client_channels', 'client_channels');
  return [
    ['columns', () => addColumns(client)],
    ['tables of our own', () => runPiecewise(client, FIRST_MIGRATION, first, isOurs)],
    ['fill triggers', () => addFillTriggers(client)],
    ['channels', () => fillChannels(client), ['other_channels']],
    ['tenants of identities', fillIdentities, ['referenced_identities']],
    ['tenants of dialogs', () => fillTenants(adopting, 'fill dialogs', 'dialogs')],
    ['phones', () => normalisePhones(adopting, 'normalise phones')],
  ];
}

async function mergeCredentials(adopting: Adopting): Promise<void> {
  await mergeAccounts(adopting.client);
  // Rewrites the table, which is small: one row for each account of a tenant.
  await runDdl(adopting.client, FINGERPRINT);
  await unique(adopting, 'channel_accounts_fingerprint');
}

async function guard({ client }: Adopting): Promise<void> {
  await client.query(ANALYZE);
  await addGuards(client);
}

async function mergeIdentities(adopting: Adopting): Promise<void> {
  await fillTenants(adopting, 'fill client_channels again', 'client_channels');
  await mergeInto(adopting, 'identities', IDENTITY_KEY);
  await unique(adopting, 'client_channels_client');
}

/** Merges duplicates while guards keep new ones out, and makes each unique index after its merge. */
function mergeSteps(adopting: Adopting): Step[] {
  const { client, first } = adopting;
  const unsafe = ['referenced_identities', 'identities_of_another_tenant'];
  const mergePhones = () => mergeInto(adopting, 'phones', indexOf(first, 'clients_phone'));
  const mergeDialogs = () => mergeInto(adopting, 'dialogs', indexOf(first, 'dialogs_open'));
  return [
    ['accounts', () => unique(adopting, 'channel_accounts_tenant')],
    // A credential of several tenants needs a decision. Repeats within one tenant are merged.
    ['credentials', () => mergeCredentials(adopting), ['shared_credentials']],
    ['indexes to find duplicates by', () => addHelperIndexes(client)],
    ['guards', () => guard(adopting)],
    ['phones typed meanwhile', () => normalisePhones(adopting, 'normalise phones again')],
    ['repeated phones', mergePhones],
    ['repeated identities', () => mergeIdentities(adopting), unsafe],
    // Merging accounts brings their open dialogs together.
    ['open dialogs', mergeDialogs, ['shared_credentials']],
  ];
}

async function constrain({ client, domainId }: Adopting): Promise<void> {
  if (domainId !== undefined) await setDomain(client, domainId);
  await addTenantKeys(client);
  await requireColumns(client);
  await addForeignKeys(client);
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
  const first = splitSql(await readMigration(FIRST_MIGRATION));
  const adopting: Adopting = { ...options, client, first };
  const steps: Step[] = [
    ...fillSteps(adopting),
    ...mergeSteps(adopting),
    ['constraints', () => constrain(adopting), UNSETTLED_ROWS],
    ['phones typed at last', () => normalisePhones(adopting, 'normalise phones at last')],
  ];
  const left: string[] = [];
  for (const [name, run, unless = []] of steps) {
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
