import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { type Contour, startContour } from '../support/contour.ts';
import { freePort } from '../support/free-port.ts';
import { messagesOf } from '../support/messages.ts';
import { runBuilt } from '../support/processes.ts';
import { acceptedCount, startLoad } from '../support/send.ts';
import { within } from '../support/wait-for.ts';

/** Runs a process that ends by itself. */
async function endOf(name: 'api' | 'worker', env: Record<string, string>) {
  const started = runBuilt(name, await freePort(), env);
  onTestFinished(() => started.kill());
  const ended = await within(`the end of the ${name}`, 60_000, started.end);
  return { ...ended, output: started.output() };
}

describe('a process with a wrong environment names all wrong variables and ends', () => {
  const WRONG: Array<[name: 'api' | 'worker', env: Record<string, string>, named: string[]]> = [
    [
      'api',
      {
        DATABASE_URL: 'nonsense',
        PORT: 'abc',
        RATE_LIMIT: '-1',
        DEFAULT_TIMEZONE: '+03:00',
        ADMIN_KEYS: 'x',
        LOG_LEVEL: 'loud',
      },
      [
        ...['DATABASE_URL', 'REDIS_URL', 'PORT', 'RATE_LIMIT', 'DEFAULT_TIMEZONE', 'ADMIN_KEYS'],
        'LOG_LEVEL',
      ],
    ],
    [
      'worker',
      {
        REDIS_URL: 'http://x',
        WORKER_PORT: '70000',
        WORKER_ROLES: 'resolve,sing',
        DELIVER_SHARDS: '0',
        CORE_SECRET: 'plain-secret-text',
        DEFAULT_PHONE_REGION: 'Russia',
        DEFAULT_TIMEZONE: 'Moscow',
        LINK_BY_PHONE: 'perhaps',
      },
      [
        ...['DATABASE_URL', 'REDIS_URL', 'WORKER_PORT', 'WORKER_ROLES', 'DELIVER_SHARDS'],
        ...['CORE_SECRET', 'DEFAULT_PHONE_REGION', 'DEFAULT_TIMEZONE', 'LINK_BY_PHONE'],
      ],
    ],
    [
      'api',
      {
        DATABASE_URL: 'postgres://localhost/x',
        REDIS_URL: 'redis://localhost',
        NODE_ENV: 'production',
      },
      ['API_KEYS', 'ADMIN_KEYS'],
    ],
    [
      'worker',
      {
        DATABASE_URL: 'postgres://localhost/x',
        REDIS_URL: 'redis://localhost',
        NODE_ENV: 'production',
      },
      ['CORE_URL'],
    ],
  ];
  test.each(WRONG)('%s with %j', async (name, env, named) => {
    const { code, output } = await endOf(name, env);
    expect(code).not.toBe(0);
    expect(code).not.toBeNull();
    for (const variable of named) expect(output).toContain(variable);
    expect(output).not.toContain('plain-secret-text');
    expect(output).not.toMatch(/^\s+at /m);
  });
});

let contour: Contour;
beforeAll(async () => {
  contour = await startContour({ apis: 2, workers: 2 });
});
afterAll(() => contour?.close());

test('a process whose port is taken says so and ends', async () => {
  const port = contour.apis[0]?.port ?? 0;
  const { code, output } = await endOf('api', {
    DATABASE_URL: contour.database.url,
    REDIS_URL: contour.redis.url,
    PORT: String(port),
  });
  expect(code).not.toBe(0);
  expect(output).toContain(`${port} is in use`);
});

test('on SIGTERM under load a worker and an API drain and end with 0, and nothing is lost', async () => {
  contour.core.behave(() => ({ status: 200, delayMs: 50 }));
  const { telegram } = (await contour.addTenant()).accounts;
  const [api] = contour.apis;
  const [worker] = contour.workers;
  const load = startLoad({
    urls: contour.urls,
    messages: messagesOf(telegram, { count: 300, chats: 40 }),
    concurrency: 20,
  });
  await acceptedCount(load, 100);
  await Promise.all([api?.stop(), worker?.stop()]);
  await load.done;
  expect(worker?.ended()).toEqual({ code: 0, signal: null });
  expect(api?.ended()).toEqual({ code: 0, signal: null });
  expect(await contour.check(load)).toEqual([]);
});
