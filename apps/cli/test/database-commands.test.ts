import { randomUUID } from 'node:crypto';
import { freePort } from '@contour/local';
import { expect, inject, test } from 'vitest';
import { openAsStore } from '../../../test/support/outside-pool.ts';
import { runContour } from '../../../test/support/run-contour.ts';
import { contourHere } from './contour-here.ts';

/** Opens a database without tables. */
async function withEmptyDatabase(use: (url: string) => Promise<void>): Promise<void> {
  const url = new URL(inject('postgresUrl'));
  const server = openAsStore({
    url: url.href,
    applicationName: 'contour-test',
    max: 1,
    onError: () => {},
  });
  const name = `cli_${randomUUID().replaceAll('-', '')}`;
  await server.query(`create database "${name}"`);
  url.pathname = `/${name}`;
  try {
    await use(url.href);
  } finally {
    await server.query(`drop database "${name}" with (force)`);
    await server.end();
  }
}

test('migrate lists what it applied, and has nothing to do a second time', async () => {
  await withEmptyDatabase(async (url) => {
    const first = await runContour(['migrate'], { DATABASE_URL: url });
    expect(first.code).toBe(0);
    expect(first.stdout).toMatch(/^(applied \d{4}\S+\.sql\n)+$/);
    expect(first.stderr).toBe(first.stdout.replaceAll(/^applied/gm, 'contour: applying'));
    const second = await contourHere(['migrate'], { DATABASE_URL: url });
    expect(second).toEqual({ code: 0, stdout: 'nothing to do\n', stderr: '' });
  });
});

test('demo makes an account for each channel, and may be repeated', async () => {
  await withEmptyDatabase(async (url) => {
    await contourHere(['migrate'], { DATABASE_URL: url });
    const line = 'demo tenant: demo-telegram, demo-whatsapp, demo-vk, demo-avito, demo-max\n';
    const made = { code: 0, stdout: line, stderr: '' };
    expect(await runContour(['demo'], { DATABASE_URL: url })).toEqual(made);
    expect(await contourHere(['demo'], { DATABASE_URL: url })).toEqual(made);
  });
});

test('a database that is away is named in one line, without the password', async () => {
  const port = await freePort();
  const env = { DATABASE_URL: `postgres://someone:secret@127.0.0.1:${port}/contour` };
  const { code, stdout, stderr } = await runContour(['migrate'], env);
  expect({ code, stdout }).toEqual({ code: 3, stdout: '' });
  expect(stderr).toMatch(/^contour: Postgres at 127\.0\.0\.1:\d+\/contour: .*ECONNREFUSED.*\n$/);
  expect(stderr).not.toContain('secret');
});

test('a mistyped command ends with 2', async () => {
  const said = "contour: unknown command 'migarte' (Did you mean migrate?)\n";
  expect(await runContour(['migarte'])).toEqual({ code: 2, stdout: '', stderr: said });
});

test('migrate --plan lists what would be applied, and applies nothing', async () => {
  await withEmptyDatabase(async (url) => {
    const env = { DATABASE_URL: url };
    const plan = await runContour(['migrate', '--plan'], env);
    expect(plan.stdout).toMatch(/^would apply 0001\S+\.sql\n/);
    const { pending } = JSON.parse(
      (await contourHere(['migrate', '--plan', '--json'], env)).stdout,
    );
    const inJson = await contourHere(['--json', 'migrate'], env);
    expect(JSON.parse(inJson.stdout)).toEqual({ applied: pending });
    expect(inJson.stderr).toContain(`contour: applying ${pending[0]}\n`);
  });
});
