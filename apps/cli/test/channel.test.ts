import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, inject, onTestFinished, test } from 'vitest';
import { startContour } from '../../../test/support/contour.ts';
import { createDatabase } from '../../../test/support/fresh-database.ts';
import { findPython } from '../../../test/support/python.ts';
import { type Ran, runContour } from '../../../test/support/run-contour.ts';
import { resolve } from '../../../test/support/send.ts';
import { addTestTenant, makeCredential } from '../../../test/support/tenants.ts';

async function openBundle() {
  const { pool, url, drop } = await createDatabase(inject('postgresUrl'));
  onTestFinished(drop);
  const tenant = await addTestTenant(pool);
  const env = { DATABASE_URL: url };
  const built = (args: string[], input?: string) => runContour(args, env, input);
  const contour = (args: string[], input?: string | Buffer) => contourHere(args, env, input);
  return { pool, tenant, env, built, contour, add: ['channel', 'add', tenant.id, 'telegram'] };
}

const isSilentAbout = (credential: string, ...runs: Ran[]) =>
  runs.every(({ stdout, stderr }) => !`${stdout}${stderr}`.includes(credential));

test('a credential comes from a pipe or a file, is stored without its newline, and is masked', async () => {
  const { pool, tenant, built, contour, add } = await openBundle();
  const credential = makeCredential('telegram');
  const piped = await built(add, `${credential}\n`);
  expect(piped).toMatchObject({ code: 0, stderr: '' });
  expect(piped.stdout).toMatch(
    /^added account \d+: telegram of "tenant \d+", credential sec\*\*\*.., fingerprint [0-9a-f]{12}\n$/,
  );

  const folder = await mkdtemp(join(tmpdir(), 'contour-credential-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, 'token'), `${credential}\r\n`);
  const again = await contour([...add, '--file', join(folder, 'token')]);
  expect(again.stdout).toMatch(/^there is already account \d+: telegram/);
  const flagged = await contour([...add, '--stdin', '--json'], credential);
  const account = JSON.parse(flagged.stdout);
  expect(account).toMatchObject({ tenant_id: tenant.id, channel: 'telegram', created: false });

  const { rows } = await pool.query('select account_id from channel_accounts where id = $1', [
    account.id,
  ]);
  expect(rows).toEqual([{ account_id: credential }]);
  expect(isSilentAbout(credential, piped, again, flagged)).toBe(true);
});

test('accounts are listed with a mask and a fingerprint, and switched off and on', async () => {
  const { pool, tenant, built, contour } = await openBundle();
  await addTestTenant(pool);
  const { id, credential, fingerprint } = tenant.accounts.whatsapp;
  const off = await built(['channel', 'disable', String(id)]);
  expect(off).toMatchObject({ code: 0, stderr: '' });
  expect(off.stdout).toMatch(new RegExp(`^account ${id}: whatsapp of .* is disabled\n$`));

  const all = await built(['channel', 'list']);
  const own = await contour(['channel', 'list', '--tenant', tenant.id]);
  expect(all.stdout.trim().split('\n')).toHaveLength(11);
  expect(own.stdout.trim().split('\n')).toHaveLength(6);
  expect(own.stdout).toMatch(
    new RegExp(`^${id} .* whatsapp +sec\\*\\*\\*.. +${fingerprint.slice(0, 12)} +no$`, 'm'),
  );
  const json = await contour(['channel', 'list', '--tenant', tenant.id, '--json']);
  expect(JSON.parse(json.stdout)).toContainEqual({
    id,
    tenant_id: tenant.id,
    tenant: expect.any(String),
    channel: 'whatsapp',
    mask: expect.stringMatching(/^sec\*\*\*..$/),
    fingerprint,
    is_active: false,
    previous: null,
  });
  const on = await built(['channel', 'enable', String(id), '--json']);
  expect(JSON.parse(on.stdout)).toMatchObject({ is_active: true, changed: true });
  expect(isSilentAbout(credential, off, all, own, json, on)).toBe(true);
});

test('a credential of another tenant is refused, with the name of that tenant', async () => {
  const { pool, contour, add } = await openBundle();
  const other = await addTestTenant(pool);
  const { id, credential } = other.accounts.telegram;
  const refused = await contour(add, credential);
  expect(refused).toMatchObject({ code: 2, stdout: '' });
  expect(refused.stderr).toMatch(
    new RegExp(`^contour: this credential belongs to account ${id}, telegram of .*${other.id}`),
  );
  expect(isSilentAbout(credential, refused)).toBe(true);
});

test('an invalid credential is refused', async () => {
  const { contour, add } = await openBundle();
  const wrong: Array<[string | Buffer, string]> = [
    ['', 'no credential was given'],
    ['two words', 'a credential is 1 to 256 characters without white space'],
    ['x'.repeat(257), 'a credential is 1 to 256 characters without white space'],
    [Buffer.from([0xff, 0xfe]), 'the credential is not UTF-8 text'],
  ];
  for (const [input, said] of wrong) {
    const { code, stdout, stderr } = await contour(add, input);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(`contour: ${said}`);
  }
});

test('a wrong command ends with 2, gives the reason, and repeats no credential', async () => {
  const { contour } = await openBundle();
  const typed = 'typed-where-it-does-not-belong';
  const wrong: Array<[string[], string]> = [
    [['add', 'Unknown', 'telegram', typed], 'too many arguments'],
    [['add', 'Unknown', 'telegram', `--token=${typed}`], "unknown option '--token'"],
    [['add', 'Unknown', typed], '<channel> is one of telegram, whatsapp, vk, avito, max'],
    [['add', 'Unknown', 'vk'], 'there is no tenant "Unknown"'],
    [['rotate', '7'], 'there is no channel account 7'],
    [['rotate', typed], '<account> is a number'],
    [['rotate', '7', '--keep', '400d'], '--keep is a time such as 90s, 30m, 24h or 7d'],
  ];
  for (const [args, said] of wrong) {
    const ran = await contour(['channel', ...args], 'credential');
    expect(ran).toMatchObject({ code: 2, stdout: '' });
    expect(ran.stderr).toContain(`contour: ${said}`);
    expect(isSilentAbout(typed, ran)).toBe(true);
  }
});

// Runs the command on a pseudo terminal, whose output shows the typed text only if it is echoed.
const ON_A_TERMINAL = `
import os, pty, sys
pid, fd = pty.fork()
if pid == 0: os.execv(sys.argv[1], sys.argv[1:])
shown = b''
while b'not shown' not in shown: shown += os.read(fd, 1024)
os.write(fd, os.environ['TYPED'].encode() + b'\\r')
try:
  while part := os.read(fd, 1024): shown += part
except OSError: pass
sys.stdout.buffer.write(shown)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
`;

import { contourHere } from './contour-here.ts';

test.skipIf(findPython().reason !== undefined)(
  'on a terminal the command asks for the credential, and does not show it',
  async () => {
    const { env, pool, add } = await openBundle();
    const credential = makeCredential('telegram');
    const main = fileURLToPath(new URL('../dist/main.js', import.meta.url));
    const shown = execFileSync('python3', ['-c', ON_A_TERMINAL, process.execPath, main, ...add], {
      env: { ...env, PATH: process.env.PATH ?? '', TYPED: credential },
      encoding: 'utf8',
    });
    expect(shown).toMatch(/^Credential \(not shown\): \r\nadded account \d+/);
    expect(shown).not.toContain(credential);
    const { rowCount } = await pool.query('select 1 from channel_accounts where account_id = $1', [
      credential,
    ]);
    expect(rowCount).toBe(1);
  },
);

test('a rotated account keeps its dialog, and its old credential until the time is over', async () => {
  const contour = await startContour();
  onTestFinished(contour.close);
  const { pool, url: databaseUrl } = contour.database;
  const { id, credential: old } = (await contour.addTenant()).accounts.telegram;
  const current = makeCredential('telegram');
  let last = 0;
  const send = (bot_token: string) => {
    last += 1;
    const message = { channel: 'telegram', bot_token, external_chat_id: 'chat', text: 'hello' };
    return resolve(contour.url, { ...message, message_ids: [`message ${last}`] });
  };
  const before = await send(old);

  const env = { DATABASE_URL: databaseUrl };
  const rotated = await runContour(['channel', 'rotate', String(id), '--keep', '1h'], env, current);
  expect(rotated).toMatchObject({ code: 0, stderr: '' });
  expect(rotated.stdout).toMatch(
    new RegExp(`^rotated account ${id}: .*\nthe one before is accepted until \\d{4}-.*Z\n$`),
  );
  const listed = await contourHere(['channel', 'list'], env);
  expect(listed.stdout).toMatch(new RegExp(`^${id} .*Z$`, 'm'));

  for (const token of [old, current]) {
    const answer = await send(token);
    expect(answer.status).toBe(200);
    expect(answer.json.dialog_id).toBe(before.json.dialog_id);
  }

  // As if the time were over.
  await pool.query('update channel_accounts set previous_until = now() where id = $1', [id]);
  const after = await send(old);
  expect(after.status).toBe(404);
  expect(await contour.dlq()).toMatchObject([
    { reason: 'unknown_tenant', message_id: after.json.message_id ?? expect.any(String) },
  ]);
  expect((await send(current)).status).toBe(200);
  expect(isSilentAbout(current, rotated, listed) && isSilentAbout(old, rotated, listed)).toBe(true);
});
