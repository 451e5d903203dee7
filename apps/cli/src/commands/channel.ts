import { CHANNEL_CODES, type Channel, fingerprintOf } from '@contour/contract';
import type { Database } from '@contour/store/database';
import { countWaiting } from '@contour/store/dead-letters';
import {
  type ChannelAccount,
  findChannelAccount,
  type Given,
  listChannelAccounts,
  registerChannelAccount,
  rotateChannelAccount,
  switchChannelAccount,
} from '@contour/store/tenants';
import type { Command } from 'commander';
import { type AddCommand, type Cli, UsageError } from '../cli.ts';
import { pickTenant, TENANT_OPTION, wholeNumber } from '../options.ts';
import { type CredentialSource, readCredential } from '../read-credential.ts';
import { inDatabase } from '../servers.ts';
import { paint, printable, shortPrint, tableOf } from '../text.ts';
import { addSwitches } from './switch.ts';

const ACCOUNT = ['account', 'its number, as contour channel list shows it'] as const;

const withCredentialOptions = (command: Command): Command =>
  command
    .option('--file <path>', 'read the credential from a file')
    .option('--stdin', 'read it from a pipe; on a terminal it is asked for');

function channelCalled(text: string): Channel {
  const channel = CHANNEL_CODES.find((code) => code === text);
  if (channel !== undefined) return channel;
  // The text is not repeated, because it may be a credential in the wrong place.
  throw new UsageError(`<channel> is one of ${CHANNEL_CODES.join(', ')}`);
}

const idOf = (text: string): number =>
  wholeNumber(text, [1, 2 ** 31 - 1], '<account> is a number: see contour channel list');

const UNIT_MS: Record<string, number> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const LONGEST_MS = 366 * 86_400_000;

/** Reads 90s, 30m, 24h or 7d, and 0. */
function durationOf(option: string, text: string): number {
  const [, number = '', unit = 's'] = /^(\d{1,9})([smhd])$|^0$/.exec(text) ?? [undefined, 'x'];
  const ms = Number(number) * (UNIT_MS[unit] ?? Number.NaN);
  if (ms <= LONGEST_MS) return ms;
  throw new UsageError(`${option} is a time such as 90s, 30m, 24h or 7d, a year at most`);
}

const noAccount = (id: number) =>
  new UsageError(`there is no channel account ${id}: see contour channel list`);

/** An account for --json. */
function bodyOf(account: ChannelAccount) {
  const { id, tenantId, tenantName, channel, mask, fingerprint, isActive, previous } = account;
  const until = previous?.until.toISOString();
  return {
    ...{ id, tenant_id: tenantId, tenant: tenantName, channel, mask, fingerprint },
    ...{ is_active: isActive, previous: previous && { ...previous, until } },
  };
}

/** An account in a sentence: enough to recognise its credential, too little to use it. */
function phraseOf({ id, channel, tenantName, mask, fingerprint }: ChannelAccount): string {
  const whose = `${channel} of "${printable(tenantName)}"`;
  return `account ${id}: ${whose}, credential ${mask}, fingerprint ${shortPrint(fingerprint)}`;
}

function tableOfAccounts(accounts: readonly ChannelAccount[]): string[] {
  if (accounts.length === 0) return ['no channel accounts: see contour channel add --help'];
  const rows = accounts.map((account) => [
    String(account.id),
    printable(account.tenantName),
    account.channel,
    account.mask,
    shortPrint(account.fingerprint),
    account.isActive ? 'yes' : paint('red', 'no'),
    account.previous?.until.toISOString() ?? '',
  ]);
  const heading = ['id', 'tenant', 'channel', 'credential', 'fingerprint', 'active'];
  return tableOf([...heading, 'previous valid until'], rows);
}

/** Refuses a credential of another account, and names that account. */
function refuseTaken(given: Given): Exclude<Given, { kind: 'taken' }> {
  if (given.kind !== 'taken') return given;
  const { id, channel, tenantName, tenantId } = given.holder;
  throw new UsageError(
    `this credential belongs to account ${id}, ${channel} of "${printable(tenantName)}" (${tenantId}), ` +
      'or did until its last rotation; nothing was changed',
  );
}

/** What becomes of the messages that wait for an account. The workers know RELEASE_PARKED, this command does not. */
function linesOfParked(count: number, isOpen: boolean): string[] {
  if (count === 0) return [];
  const messages = `${count} parked ${count === 1 ? 'message' : 'messages'} will be released`;
  const when = isOpen ? ', unless RELEASE_PARKED is false' : ' once account and tenant are enabled';
  return [`${messages}${when}`];
}

function addAccount(group: Command, cli: Cli): void {
  const command = group
    .command('add')
    .argument('<tenant>', 'its id, or its name if only one has it')
    .argument('<channel>', CHANNEL_CODES.join(', '))
    .description("register a tenant's credential, which is never an argument");
  withCredentialOptions(command)
    .addHelpText('after', '\nExample:\n  contour channel add "A shop" telegram --file token.txt')
    .action(async (idOrName: string, code: string, source: CredentialSource) => {
      const channel = channelCalled(code);
      const { account, kind, parked, isOpen } = await inDatabase(cli.env, async (pool) => {
        const { id: tenantId, isActive } = await pickTenant(pool, idOrName);
        const credential = await readCredential(cli, source);
        // Counted before: a worker may release them at once.
        const fingerprint = fingerprintOf(credential);
        const waiting = await countWaiting(pool, { channel, fingerprint });
        const order = { tenantId, channel, credential };
        const given = refuseTaken(await registerChannelAccount(pool, order));
        return { ...given, parked: waiting, isOpen: isActive && given.account.isActive };
      });
      const done = kind === 'done' ? 'added' : 'there is already';
      cli.report({ ...bodyOf(account), created: kind === 'done', parked }, () => [
        `${done} ${phraseOf(account)}`,
        ...linesOfParked(parked, isOpen),
      ]);
    });
}

function list(group: Command, cli: Cli): void {
  group
    .command('list')
    .option(...TENANT_OPTION)
    .description('the channel accounts, with their credentials masked')
    .addHelpText('after', '\nExample:\n  contour channel list --tenant "A shop"')
    .action(async ({ tenant }: { tenant?: string }) => {
      const accounts = await inDatabase(cli.env, async (pool) => {
        const tenantId = tenant === undefined ? null : (await pickTenant(pool, tenant)).id;
        return listChannelAccounts(pool, tenantId);
      });
      cli.report(accounts.map(bodyOf), () => tableOfAccounts(accounts));
    });
}

async function turn(pool: Database, typed: string, isActive: boolean) {
  const id = idOf(typed);
  const before = await findChannelAccount(pool, id);
  if (before === undefined) throw noAccount(id);
  const changed = await switchChannelAccount(pool, id, isActive);
  const account = { ...before, isActive };
  return { what: phraseOf(account), body: bodyOf(account), changed };
}

const ROTATE_NOTE = `
The account keeps its number and its dialogs. A message that is sent again
under the new credential is no duplicate, because the credential is part of
its id. Let senders finish their retries before they change.

Example:
  contour channel rotate 12 --keep 2h --file new-token.txt`;

function linesOfRotated(kind: 'done' | 'unchanged', account: ChannelAccount): string[] {
  const until = account.previous?.until.toISOString();
  const accepted = until ? `is accepted until ${until}` : 'is no longer accepted';
  const done = kind === 'done' ? 'rotated' : 'nothing to do for';
  return [`${done} ${phraseOf(account)}`, `the one before ${accepted}`];
}

function rotate(group: Command, cli: Cli): void {
  const command = group
    .command('rotate')
    .argument(`<${ACCOUNT[0]}>`, ACCOUNT[1])
    .option('--keep <time>', 'how long the old credential is accepted, too', '24h')
    .description('give an account a new credential, which is never an argument');
  withCredentialOptions(command)
    .addHelpText('after', ROTATE_NOTE)
    .action(async (text: string, { keep, ...source }: CredentialSource & { keep: string }) => {
      const id = idOf(text);
      const keepMs = durationOf('--keep', keep);
      const { account, kind } = await inDatabase(cli.env, async (pool) => {
        if ((await findChannelAccount(pool, id)) === undefined) throw noAccount(id);
        const credential = await readCredential(cli, source);
        const given = await rotateChannelAccount(pool, { id, credential, keepMs });
        if (given === undefined) throw noAccount(id);
        return refuseTaken(given);
      });
      cli.report({ ...bodyOf(account), changed: kind === 'done' }, () =>
        linesOfRotated(kind, account),
      );
    });
}

export const add: AddCommand = (program, cli) => {
  const group = program
    .command('channel')
    .description("the tenants' channel accounts in DATABASE_URL")
    .addHelpText('after', '\nExample:\n  contour channel list');
  addAccount(group, cli);
  list(group, cli);
  addSwitches(group, cli, { argument: ACCOUNT, example: '12', turn });
  rotate(group, cli);
};
