import { CHANNEL_CODES, type Channel } from '@contour/contract';
import { readEnv } from '@contour/runtime';
import {
  type ChannelAccount,
  findChannelAccount,
  listChannelAccounts,
  type Pool,
  registerChannelAccount,
  rotateChannelAccount,
  switchChannelAccount,
} from '@contour/store';
import type { Command } from 'commander';
import { accountBody, accountTable, credentialOf, refuseTaken } from '../channel/account.ts';
import { type AddCommand, type Cli, UsageError } from '../cli.ts';
import { databaseEnv } from '../env.ts';
import { pickTenant } from '../pick-tenant.ts';
import { type CredentialSource, readCredential } from '../read-credential.ts';
import { readDuration } from '../read-duration.ts';
import { TENANT_OPTION } from '../tenant-option.ts';
import { withDatabase } from '../with-database.ts';
import { addSwitches } from './switch.ts';

const MAX_ID = 2 ** 31 - 1;
const ACCOUNT = ['account', 'its number, as contour channel list shows it'] as const;

const withCredentialOptions = (command: Command): Command =>
  command
    .option('--file <path>', 'read the credential from a file')
    .option('--stdin', 'read it from a pipe; on a terminal it is asked for');

function channelCalled(text: string): Channel {
  const channel = CHANNEL_CODES.find((code) => code === text);
  // What was typed may be a credential in the wrong place: it is not repeated.
  if (channel === undefined)
    throw new UsageError(`<channel> is one of ${CHANNEL_CODES.join(', ')}`);
  return channel;
}

function idOf(text: string): number {
  const id = /^\d{1,10}$/.test(text) ? Number(text) : 0;
  if (id < 1 || id > MAX_ID)
    throw new UsageError('<account> is a number: see contour channel list');
  return id;
}

const noAccount = (id: number) =>
  new UsageError(`there is no channel account ${id}: see contour channel list`);

function add(group: Command, cli: Cli): void {
  const command = group
    .command('add')
    .argument('<tenant>', 'its id, or its name where only one has it')
    .argument('<channel>', CHANNEL_CODES.join(', '))
    .description("register a credential as a tenant's; it is never an argument");
  withCredentialOptions(command)
    .addHelpText('after', '\nExample:\n  contour channel add "A shop" telegram --file token.txt')
    .action(async (idOrName: string, code: string, source: CredentialSource) => {
      const { DATABASE_URL: url } = readEnv(databaseEnv, cli.env);
      const channel = channelCalled(code);
      const { account, kind } = await withDatabase(url, async (pool) => {
        const { id: tenantId } = await pickTenant(pool, idOrName);
        const credential = await readCredential(cli, source);
        return refuseTaken(await registerChannelAccount(pool, { tenantId, channel, credential }));
      });
      cli.report({ ...accountBody(account), created: kind === 'done' }, () =>
        cli.say(`${kind === 'done' ? 'added' : 'there is already'} ${credentialOf(account)}`),
      );
    });
}

function list(group: Command, cli: Cli): void {
  group
    .command('list')
    .option(...TENANT_OPTION)
    .description('the channel accounts, with their credentials masked')
    .addHelpText('after', '\nExample:\n  contour channel list --tenant "A shop"')
    .action(async ({ tenant }: { tenant?: string }) => {
      const { DATABASE_URL: url } = readEnv(databaseEnv, cli.env);
      const accounts = await withDatabase(url, async (pool) =>
        listChannelAccounts(
          pool,
          tenant === undefined ? null : (await pickTenant(pool, tenant)).id,
        ),
      );
      cli.report(accounts.map(accountBody), () => accountTable(accounts).forEach(cli.say));
    });
}

async function turn(pool: Pool, typed: string, isActive: boolean) {
  const id = idOf(typed);
  const before = await findChannelAccount(pool, id);
  if (before === undefined) throw noAccount(id);
  const changed = await switchChannelAccount(pool, id, isActive);
  const account = { ...before, isActive };
  return { what: credentialOf(account), body: accountBody(account), changed };
}

const ROTATE_NOTE = `
The account keeps its number and its dialogs. A message that is sent again
under the new credential counts as another one: the credential is part of
what tells repeats. Let senders finish what they repeat before they change.

Example:
  contour channel rotate 12 --keep 2h --file new-token.txt`;

function sayRotated(cli: Cli, kind: 'done' | 'unchanged', account: ChannelAccount): void {
  const until = account.previous?.until.toISOString();
  cli.say(`${kind === 'done' ? 'rotated' : 'nothing to do for'} ${credentialOf(account)}`);
  cli.say(
    until ? `the one before is taken until ${until}` : 'the one before is not taken any more',
  );
}

function rotate(group: Command, cli: Cli): void {
  const command = group
    .command('rotate')
    .argument(`<${ACCOUNT[0]}>`, ACCOUNT[1])
    .option('--keep <time>', 'how long the old credential is taken, too', '24h')
    .description('give an account a new credential; it is never an argument');
  withCredentialOptions(command)
    .addHelpText('after', ROTATE_NOTE)
    .action(async (text: string, { keep, ...source }: CredentialSource & { keep: string }) => {
      const id = idOf(text);
      const keepMs = readDuration('--keep', keep);
      const { DATABASE_URL: url } = readEnv(databaseEnv, cli.env);
      const { account, kind } = await withDatabase(url, async (pool) => {
        if ((await findChannelAccount(pool, id)) === undefined) throw noAccount(id);
        const credential = await readCredential(cli, source);
        const given = await rotateChannelAccount(pool, { id, credential, keepMs });
        if (given === undefined) throw noAccount(id);
        return refuseTaken(given);
      });
      cli.report({ ...accountBody(account), changed: kind === 'done' }, () =>
        sayRotated(cli, kind, account),
      );
    });
}

export const addChannel: AddCommand = (program, cli) => {
  const group = program
    .command('channel')
    .description("the tenants' channel accounts in DATABASE_URL")
    .addHelpText('after', '\nExample:\n  contour channel list');
  add(group, cli);
  list(group, cli);
  addSwitches(group, cli, { argument: ACCOUNT, example: '12', turn });
  rotate(group, cli);
};
