import { randomUUID } from 'node:crypto';
import { fingerprintOf } from '@contour/contract';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { type Contour, startContour } from '../../../test/support/contour.ts';
import { type Body, idOf, messageTo } from '../../../test/support/messages.ts';
import { runContour } from '../../../test/support/run-contour.ts';
import { resolve } from '../../../test/support/send.ts';
import {
  addAccount,
  makeCredential,
  type TestAccount,
  type TestTenant,
} from '../../../test/support/tenants.ts';
import { waitFor } from '../../../test/support/wait-for.ts';
import { contourHere } from './contour-here.ts';

let house: Contour;
let tenant: TestTenant;

beforeAll(async () => {
  // Here, entries stay parked until a test replays them.
  house = await startContour({ env: { RELEASE_PARKED: 'false' } });
  tenant = await house.addTenant();
});
afterAll(() => house?.close());

const env = () => ({ DATABASE_URL: house.database.url, REDIS_URL: house.redis.url });

async function run(how: typeof runContour, args: string[]) {
  const ran = await how(['dlq', ...args], env());
  const shown = ran.stdout + ran.stderr;
  expect(shown).not.toMatch(/secret-telegram/);
  return { ...ran, json: () => JSON.parse(ran.stdout) };
}

const dlq = (...args: string[]) => run(contourHere, args);
const built = (...args: string[]) => run(runContour, args);

/** A credential that no tenant has, or not yet. */
function unknownAccount(): TestAccount {
  const credential = makeCredential('telegram');
  return { id: 0, channel: 'telegram', credential, fingerprint: fingerprintOf(credential) };
}

async function park(account: TestAccount, fields: Body = {}): Promise<Body> {
  const body = messageTo(account, fields);
  expect(await resolve(house.url, body)).toMatchObject({ status: 404 });
  return body;
}

test('list shows matching entries as a table, or with --json as the API does, and says if there are more', async () => {
  const account = unknownAccount();
  const first = await park(account, { text: 'one' });
  await park(account, { text: 'two' });
  const table = await built('list', '--fingerprint', account.fingerprint);
  expect(table).toMatchObject({ code: 0, stderr: '' });
  const [heading, row, ...rest] = table.stdout.trimEnd().split('\n');
  expect(heading).toMatch(/^failed \(UTC\) +reason +channel +fingerprint +id +error$/);
  const print = account.fingerprint.slice(0, 12);
  expect(row).toMatch(/^20\d\d-\d\d-\d\d \d\d:\d\d +unknown_tenant +telegram +/);
  expect(row?.endsWith(` ${print}  ${idOf(first)}`)).toBe(true);
  expect(row?.length).toBeLessThanOrEqual(104);
  expect(rest).toHaveLength(1);

  const limited = await dlq('list', '--fingerprint', account.fingerprint, '--limit', '1');
  expect(limited.stdout).toMatch(/\n1 of 2; --limit or --all shows more\.\n$/);
  const listed = (
    await dlq('list', '--all', '--json', '--fingerprint', account.fingerprint)
  ).json();
  expect(listed).toMatchObject({ count: 2, items: [{ id: idOf(first) }, {}] });
  const { items } = await house.dlq().then((all) => ({
    items: all.filter((item) => item.id === idOf(first)),
  }));
  expect(listed.items[0]).toEqual(items[0]);

  const none = await dlq('list', '--tenant', randomUUID());
  expect(none).toMatchObject({ code: 0, stdout: 'Nothing is parked that matches.\n' });
});

test('a filter takes a tenant by its id or by its name', async () => {
  const { rows } = await house.database.pool.query('select name from tenants where id = $1', [
    tenant.id,
  ]);
  house.core.behave(() => ({ status: 400 }));
  onTestFinished(() => house.core.behave(() => ({ status: 200 })));
  const refused = messageTo(tenant.accounts.max);
  await resolve(house.url, refused);
  await waitFor('the entry', async () => {
    const byId = ['dlq', 'list', '--tenant', tenant.id.toUpperCase()];
    return (await contourHere(byId, env())).stdout.includes(idOf(refused));
  });
  const byName = ['list', '--tenant', rows[0].name];
  const [, row] = (await dlq(...byName)).stdout.split('\n');
  expect(row).toMatch(/ core_refused +max +[0-9a-f]{12} +\S{36} {2}http_400$/);
  expect(row?.length).toBeLessThanOrEqual(104);
  expect(await contourHere(['dlq', ...byName], { REDIS_URL: house.redis.url })).toMatchObject({
    code: 2,
    stderr: 'contour: DATABASE_URL  is required\n',
  });
  expect((await dlq('list', '--tenant', 'unknown')).stderr).toContain(
    'there is no tenant "unknown"',
  );
});

test('a fingerprint may be shortened, as long as it is the only one that begins so', async () => {
  const [one, other] = ['1', '2'].map((end) => `${'c0ffee'.repeat(3)}${end}`.padEnd(64, '0'));
  const named = async (fingerprint = '') => {
    const fields = { bot_token: null, account_fingerprint: fingerprint };
    const body = messageTo(unknownAccount(), fields);
    expect(await resolve(house.url, body)).toMatchObject({ status: 404 });
  };
  await named(one);
  const listed = await dlq('list', '--fingerprint', 'c0ffeec0');
  expect(listed).toMatchObject({ code: 0, stderr: '' });
  expect(listed.stdout.trimEnd().split('\n')).toHaveLength(2);
  await named(other);
  expect(await dlq('clear', '--fingerprint', 'c0ffeec0ffee', '--yes')).toMatchObject({
    ...{ code: 2, stdout: '' },
    stderr: `contour: several fingerprints begin with c0ffeec0ffee, give more of it: ${one}, ${other}\n`,
  });
  const cleared = await dlq('clear', '--fingerprint', one?.slice(0, 19) ?? '', '--yes');
  expect(cleared).toMatchObject({ code: 0, stdout: '1 cleared.\n' });
  expect(await dlq('list', '--fingerprint', 'deadbeef')).toMatchObject({
    ...{ code: 1, stdout: '' },
    stderr: 'contour: no entry has a fingerprint that begins with deadbeef\n',
  });
});

test('adding an account says how many parked messages wait for it', async () => {
  const account = unknownAccount();
  await park(account);
  await park(account);
  const add = ['channel', 'add', tenant.id, 'telegram'];
  const added = await contourHere(add, env(), account.credential);
  expect(added).toMatchObject({ code: 0, stderr: '' });
  expect(added.stdout).toMatch(
    /^added account .*\n2 parked messages will be released, unless RELEASE_PARKED is false\n$/,
  );
  const id = /account (\d+):/.exec(added.stdout)?.[1] ?? '';
  await contourHere(['channel', 'disable', id], env());
  const off = await contourHere(add, env(), account.credential);
  expect(off.stdout).toMatch(
    /\n2 parked messages will be released once account and tenant are enabled\n$/,
  );
  const inJson = await contourHere([...add, '--json'], env(), account.credential);
  expect(JSON.parse(inJson.stdout)).toMatchObject({ created: false, parked: 2 });
});

test('show prints one entry with its text, and control characters as numbers', async () => {
  const account = unknownAccount();
  const body = await park(account, { text: 'Hello\n\u001b[2Jthere', client_name: 'Ivan' });
  const { code, stdout } = await built('show', idOf(body));
  expect(code).toBe(0);
  expect(stdout).toMatch(/^reason +unknown_tenant: no tenant has this credential$/m);
  expect(stdout).toMatch(/^sender +Ivan$/m);
  expect(stdout).toContain('text\n  Hello\n  \\u{1b}[2Jthere\n');
  const shown = (await dlq('show', idOf(body).toUpperCase(), '--json')).json();
  expect(shown).toMatchObject({ id: idOf(body), message: { text: body.text } });
  expect(await dlq('show', randomUUID())).toMatchObject({
    code: 1,
    stdout: '',
    stderr: 'contour: the dead-letter queue has no entry with this id\n',
  });
});

test('a dry run foresees the clients and dialogs that the replay then makes', async () => {
  const account = unknownAccount();
  const phone = `+7999${String(Math.random()).slice(2, 9)}`;
  const known = messageTo(tenant.accounts.vk, { client_phone: phone });
  await resolve(house.url, known);
  const bodies = [
    await park(account, { external_chat_id: 'a' }),
    await park(account, { external_chat_id: 'a' }),
    await park(account, { external_chat_id: 'b', client_phone: '+79990000001' }),
    await park(account, { external_chat_id: 'c', client_phone: '8 999 000-00-01' }),
    await park(account, { external_chat_id: 'd', client_phone: phone }),
  ];
  const dryRun = () => dlq('replay', '--fingerprint', account.fingerprint, '--dry-run');
  expect((await dryRun()).stdout).toBe(
    '5 match\n  5 refused again: no tenant has their credential\n',
  );

  const { id } = await addAccount(house.database.pool, tenant.id, 'telegram', account.credential);
  const counts = async () => {
    const { rows } = await house.database.pool.query<{ clients: number; dialogs: number }>(
      `select (select count(*)::int from clients where tenant_id = $1) as clients,
              (select count(*)::int from dialogs where tenant_id = $1) as dialogs`,
      [tenant.id],
    );
    return rows[0] ?? { clients: 0, dialogs: 0 };
  };
  const before = await counts();
  expect((await dryRun()).stdout).toBe(
    '5 match\n  5 accepted, with 2 new clients and 3 new dialogs\n',
  );
  expect(await counts()).toEqual(before);

  const replayed = await built('replay', '--fingerprint', account.fingerprint);
  expect(replayed).toMatchObject({ code: 0, stdout: '5 of 5 sent in again.\n' });
  expect(replayed.stderr).toMatch(/^Replaying .* 5 of 5 /);
  await waitFor('the messages', async () => {
    const { rowCount } = await house.database.pool.query(
      'select from messages where tenant_id = $1 and channel_account_id = $2',
      [tenant.id, id],
    );
    return rowCount === bodies.length;
  });
  const after = await counts();
  expect([after.clients - before.clients, after.dialogs - before.dialogs]).toEqual([2, 3]);
  expect((await dlq('list', '--fingerprint', account.fingerprint)).stdout).toMatch(/^Nothing/);
});

test('a dry run counts duplicates, conflicts, disabled accounts and messages that Core would get again', async () => {
  const account = unknownAccount();
  const repeat = await park(account);
  const conflict = await park(account);
  const off = unknownAccount();
  await park(off);
  for (const { credential } of [account, off]) {
    await addAccount(house.database.pool, tenant.id, 'telegram', credential);
  }
  await house.database.pool.query(
    'update channel_accounts set is_active = false where fingerprint = $1',
    [off.fingerprint],
  );
  await resolve(house.url, repeat);
  await resolve(house.url, { ...conflict, text: 'something else' });
  onTestFinished(() => house.core.behave(() => ({ status: 200 })));
  const dead = messageTo(account);
  house.core.behave(({ key }) => ({ status: key === idOf(dead) ? 400 : 200 }));
  await resolve(house.url, dead);
  await waitFor('the dead letter', async () =>
    (await house.dlq()).some(({ id, reason }) => id === idOf(dead) && reason === 'core_refused'),
  );

  const mine = await dlq('replay', '--fingerprint', account.fingerprint, '--dry-run', '--json');
  expect(mine.json()).toEqual({
    matched: 3,
    fresh: 0,
    newClients: 0,
    newDialogs: 0,
    again: 1,
    repeats: 1,
    refused: { unknown_tenant: 0, tenant_disabled: 0, conflict: 1, invalid: 0 },
    unreadable: 0,
  });
  const others = await dlq('replay', '--fingerprint', off.fingerprint, '--dry-run');
  expect(others.stdout).toMatch(/1 refused again: their tenant or its channel account is disabled/);

  house.core.behave(() => ({ status: 200 }));
  const one = await dlq('replay', idOf(dead), '--json');
  expect(one.json()).toEqual({ matched: 1, replayed: 1 });
  await waitFor('the delivery', async () => {
    const { rows } = await house.database.pool.query(
      'select status from messages where tenant_id = $1 and id = $2',
      [tenant.id, idOf(dead)],
    );
    return rows[0]?.status === 'delivered';
  });
});

test('clear removes matching entries, and without a terminal only with --yes', async () => {
  const account = unknownAccount();
  await park(account);
  await park(account);
  const filter = ['--fingerprint', account.fingerprint];
  expect(await dlq('clear', ...filter)).toMatchObject({
    code: 2,
    stdout: '',
    stderr: 'contour: clearing is for good: without a terminal it needs --yes\n',
  });
  const cleared = await built('clear', ...filter, '--yes');
  expect(cleared).toMatchObject({ code: 0, stdout: '2 cleared.\n' });
  expect(cleared.stderr).toMatch(/^Clearing .* 100 % /);
  const longAgo = ['--all', '--before', '2020-01-01T00:00:00Z', '--yes', '--json'];
  expect((await dlq('clear', ...longAgo)).json()).toEqual({ cleared: true, count: 0 });
});

test('a server that is away is named in one line', async () => {
  const listed = await contourHere(['dlq', 'list'], {
    DATABASE_URL: 'postgres://someone:secret@127.0.0.1:1/contour',
  });
  expect(listed.code).toBe(3);
  expect(listed.stderr).toMatch(
    /^contour: Postgres at 127\.0\.0\.1:1\/contour: .*ECONNREFUSED.*\n$/,
  );
  const account = unknownAccount();
  const parked = idOf(await park(account));
  const replayed = await contourHere(['dlq', 'replay', parked], {
    ...{ DATABASE_URL: house.database.url, REDIS_URL: 'redis://someone:secret@127.0.0.1:1' },
  });
  expect(replayed.code).toBe(3);
  expect(replayed.stderr).toMatch(/contour: Redis at 127\.0\.0\.1:1: .*ECONNREFUSED.*\n$/);
});
