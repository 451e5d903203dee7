import { randomUUID } from 'node:crypto';
import { expect, inject, onTestFinished, test } from 'vitest';
import { createDatabase } from '../../../test/support/fresh-database.ts';
import { runContour } from '../../../test/support/run-contour.ts';
import { contourHere } from './contour-here.ts';

async function openBundle() {
  const { url, drop } = await createDatabase(inject('postgresUrl'));
  onTestFinished(drop);
  const env = { DATABASE_URL: url };
  const built = (...args: string[]) => runContour(args, env);
  const contour = (...args: string[]) => contourHere(args, env);
  const json = async (...args: string[]) => JSON.parse((await contour(...args, '--json')).stdout);
  return { built, contour, json };
}

test('a tenant is added, listed, and switched off and on by its name', async () => {
  const { built, contour, json } = await openBundle();
  const added = await built('tenant', 'add', 'A shop', '--domain', '7');
  expect(added).toMatchObject({ code: 0, stderr: '' });
  const id = /^added tenant ([0-9a-f-]{36}) "A shop"\n$/.exec(added.stdout)?.[1];

  const listed = await built('tenant', 'list');
  expect(listed.stdout).toMatch(
    new RegExp(`^id +name +domain +active +accounts\n${id} +A shop +7 +yes +0\n$`),
  );

  const off = `tenant ${id} "A shop" is disabled\n`;
  expect(await built('tenant', 'disable', 'A shop')).toEqual({
    code: 0,
    stdout: off,
    stderr: '',
  });
  expect((await contour('tenant', 'disable', id ?? '')).stdout).toContain('was already disabled');
  expect(await json('tenant', 'list')).toEqual([
    { id, name: 'A shop', domain_id: 7, is_active: false, accounts: 0 },
  ]);
  const on = await built('tenant', 'enable', 'A shop', '--json');
  expect(on).toMatchObject({ code: 0, stderr: '' });
  expect(JSON.parse(on.stdout)).toMatchObject({ is_active: true, changed: true });
});

test('a name of two tenants is refused', async () => {
  const { contour, json } = await openBundle();
  const first = await json('tenant', 'add', 'Twin', '--domain', '1');
  const second = await contour('tenant', 'add', 'Twin', '--domain', '1');
  expect(second.stderr).toBe('contour: 2 tenants are called "Twin" now: name them by their ids\n');
  const { code, stdout, stderr } = await contour('tenant', 'disable', 'Twin');
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toContain('several tenants are called "Twin"');
  expect(stderr).toContain(first.id);
  expect((await contour('tenant', 'disable', first.id)).code).toBe(0);
});

test('a wrong command ends with 2 and gives the reason', async () => {
  const { contour } = await openBundle();
  const wrong: Array<[string[], string]> = [
    [['tenant', 'disable', randomUUID()], 'there is no tenant "'],
    [['tenant', 'add', 'A shop'], 'missing: --domain <n>'],
    [['tenant', 'add', 'A shop', '--domain', 'one'], '--domain is a whole number, such as 1'],
    [['tenant', 'add', ' ', '--domain', '1'], "a tenant's name is 1 to 200 characters"],
    [['tenant', 'remove'], "unknown command 'remove'"],
  ];
  for (const [args, said] of wrong) {
    const { code, stdout, stderr } = await contour(...args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(`contour: ${said}`);
  }
});
