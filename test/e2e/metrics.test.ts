import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { parse } from 'yaml';
import { type Contour, startContour } from '../support/contour.ts';
import { parseExposition, type Sample, sampleOf } from '../support/exposition.ts';
import { idOf, messageTo } from '../support/messages.ts';
import { findPrometheus, type Prometheus, startPrometheus } from '../support/prometheus.ts';
import { type Answer, get, request, resolve } from '../support/send.ts';
import { storyIn } from '../support/story.ts';
import { addToStreams } from '../support/streams.ts';
import { makeCredential, type TestTenant } from '../support/tenants.ts';
import { waitFor } from '../support/wait-for.ts';

const ADMIN = { authorization: 'Bearer metrics-test-admin-key' };
/** Nothing is awaited for longer than 2 s. The rest allows for a busy machine. */
const SCRAPE_WITHIN_MS = 4000;

const PAGE = (path: string) =>
  readFileSync(fileURLToPath(new URL(`../../${path}`, import.meta.url)), 'utf8');

type Row = [name: string, labels: Record<string, string>, value: number];

let contour: Contour;
let tenant: TestTenant;
const unknown = {
  id: 0,
  channel: 'telegram',
  credential: makeCredential('telegram'),
  fingerprint: '',
} as const;

beforeAll(async () => {
  contour = await startContour({
    ownPostgres: true,
    env: { ADMIN_KEYS: 'ops:metrics-test-admin-key', MAX_PARKED_PER_ACCOUNT: '1' },
  });
  tenant = await contour.addTenant();
});
afterAll(() => contour?.close());

const scrapeApi = (): Promise<Answer> => get(`${contour.url}/metrics`, ADMIN);
const scrapeWorker = (): Promise<Answer> => get(`${contour.workers[0]?.url}/metrics`);

/** Waits until the metrics have these rows. */
const seen = (samples: readonly Sample[], rows: readonly Row[]): Row[] =>
  rows.map(([name, labels]) => [name, labels, sampleOf(samples, name, labels) ?? Number.NaN]);

async function expectSoon(scrape: () => Promise<Answer>, rows: readonly Row[]): Promise<void> {
  let last: Row[] = [];
  const look = async () => {
    last = seen(parseExposition((await scrape()).text), rows);
    return rows.every(([, , value], index) => last[index]?.[2] === value);
  };
  await waitFor('the counts', look).catch(() => expect(last).toEqual(rows));
}

/** Every outcome of a message, each a known number of times. */
async function sendOneOfEach(): Promise<void> {
  const { telegram, whatsapp, vk, avito, max } = tenant.accounts;
  contour.core.behave(({ body }, nth) => {
    if (body.includes('never') && nth === 1) return { status: 400 };
    return { status: body.includes('later') && nth === 1 ? 503 : 200 };
  });
  const first = messageTo(telegram);
  const refused = messageTo(whatsapp, { text: 'never' });
  const answers = [
    await resolve(contour.url, first),
    await resolve(contour.url, first),
    await resolve(contour.url, { ...first, text: 'Another' }),
    await resolve(contour.url, messageTo(unknown)),
    await resolve(contour.url, messageTo(unknown)),
    await resolve(contour.url, {}),
    await resolve(contour.url, '{'),
    await resolve(contour.url, refused),
    await resolve(contour.url, messageTo(vk, { text: 'later' })),
    await resolve(contour.url, messageTo(max), { prefer: 'respond-async' }),
  ];
  expect(answers.map(({ status }) => status)).toEqual([
    200, 200, 409, 404, 404, 400, 400, 200, 200, 202,
  ]);
  await addToStreams(contour.redis.url, [messageTo(avito)]);
  await storyIn(contour, idOf(refused), 'dead');
  const replay = `${contour.url}/dlq/${idOf(refused)}/replay`;
  expect((await request('POST', replay, { headers: ADMIN })).json).toMatchObject({ replayed: 1 });
  await storyIn(contour, idOf(refused), 'delivered');
}

describe('GET /metrics', () => {
  it('counts every outcome of messages exactly', async () => {
    await sendOneOfEach();
    await expectSoon(scrapeWorker, [
      ['contour_resolved_total', { channel: 'telegram', outcome: 'resolved' }, 1],
      ['contour_resolved_total', { channel: 'telegram', outcome: 'replayed' }, 1],
      ['contour_resolved_total', { channel: 'telegram', outcome: 'conflict' }, 1],
      ['contour_resolved_total', { channel: 'telegram', outcome: 'unknown_tenant' }, 2],
      ['contour_resolved_total', { channel: 'whatsapp', outcome: 'resolved' }, 1],
      // The replayed dead message has a row and is not resolved again.
      ['contour_resolved_total', { channel: 'whatsapp', outcome: 'replayed' }, 0],
      ['contour_resolved_total', {}, 9],
      ['contour_resolve_seconds_count', {}, 5],
      ['contour_resolve_batch_size_sum', { way: 'queue' }, 8],
      ['contour_resolve_batch_size_sum', { way: 'stream' }, 1],
      ['contour_parked_total', { channel: 'telegram', reason: 'unknown_tenant' }, 1],
      ['contour_parked_total', { channel: 'whatsapp', reason: 'core_refused' }, 1],
      ['contour_parked_total', {}, 2],
      ['contour_not_parked_total', { channel: 'telegram' }, 1],
      ['contour_dlq_replayed_total', {}, 1],
      ['contour_delivered_total', { channel: 'telegram' }, 1],
      ['contour_delivered_total', { channel: 'whatsapp' }, 1],
      ['contour_delivered_total', { channel: 'vk' }, 1],
      ['contour_delivered_total', { channel: 'avito' }, 1],
      ['contour_delivered_total', { channel: 'max' }, 1],
      // Replayed messages are not part of the delivery times.
      ['contour_delivery_seconds_count', {}, 4],
      ['contour_retried_total', { channel: 'vk', reason: 'http_5xx' }, 1],
      ['contour_retried_total', {}, 1],
      ['contour_dead_total', { channel: 'whatsapp', reason: 'core_refused' }, 1],
      ['contour_dead_total', {}, 1],
      ['contour_settle_batch_size_sum', {}, 7],
      ['contour_core_answer_seconds_count', { class: '2xx' }, 5],
      ['contour_core_answer_seconds_count', { class: '4xx' }, 1],
      ['contour_core_answer_seconds_count', { class: '5xx' }, 1],
      ['contour_core_answer_seconds_count', {}, 7],
      ['contour_core_circuit_open', {}, 0],
      ['contour_core_tenant_circuits_open', {}, 0],
      ['contour_core_refusals_total', { status: '401' }, 0],
      ['contour_core_refusals_total', {}, 0],
      ['contour_stalled_total', {}, 0],
    ]);
    await expectSoon(scrapeApi, [
      ['contour_accepted_total', { channel: 'telegram', way: 'http' }, 2],
      ['contour_accepted_total', { channel: 'whatsapp', way: 'http' }, 1],
      ['contour_accepted_total', { channel: 'max', way: 'http' }, 1],
      ['contour_accepted_total', {}, 5],
      ['contour_refused_total', { code: 'message_conflict' }, 1],
      ['contour_refused_total', { code: 'unknown_tenant' }, 2],
      ['contour_refused_total', { code: 'invalid' }, 2],
      ['contour_refused_total', {}, 5],
      ['contour_answer_seconds_count', {}, 10],
    ]);
  });

  it('shows the state of the installation on the API alone', async () => {
    await expectSoon(scrapeApi, [
      ['contour_workers', {}, 1],
      ['contour_dependency_up', { dependency: 'postgres' }, 1],
      ['contour_dependency_up', { dependency: 'redis' }, 1],
      ['contour_queue_jobs', { queue: 'dlq', state: 'waiting' }, 1],
      ['contour_queue_jobs', { queue: 'resolve' }, 0],
      ['contour_queue_oldest_seconds', { queue: 'resolve' }, 0],
      ['contour_lanes', {}, 0],
      ['contour_lanes_oldest_due_seconds', {}, 0],
      ['contour_stream_entries', {}, 0],
      ['contour_stream_owned', {}, 4],
      ['contour_stream_lost', {}, 0],
    ]);
    const samples = parseExposition((await scrapeApi()).text);
    expect(sampleOf(samples, 'contour_queue_oldest_seconds', { queue: 'dlq' })).toBeGreaterThan(0);
    expect(sampleOf(samples, 'contour_redis_memory_used_bytes')).toBeGreaterThan(0);
    expect(sampleOf(samples, 'contour_postgres_limit', { pool: 'main' })).toBeGreaterThan(0);
    expect(sampleOf(samples, 'contour_nodejs_eventloop_lag_p99_seconds')).toBeGreaterThan(0);
    const names = parseExposition((await scrapeWorker()).text).map(({ name }) => name);
    expect(names.filter((name) => /^contour_(queue|lanes|stream|graph|redis)/.test(name))).toEqual(
      [],
    );
  });

  it('begins every name with contour_ and shows no tenant, no chat and no credential', async () => {
    const [api, worker] = [await scrapeApi(), await scrapeWorker()];
    for (const { status, headers, text } of [api, worker]) {
      expect(status).toBe(200);
      expect(headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
      for (const { name } of parseExposition(text)) expect(name).toMatch(/^contour_/);
      const secrets = Object.values(tenant.accounts).flatMap((one) => [
        one.credential,
        one.fingerprint,
      ]);
      for (const secret of [tenant.id, unknown.credential, 'chat-', ...secrets]) {
        expect(text).not.toContain(secret);
      }
    }
  });

  it('requires an admin key on the API', async () => {
    expect((await get(`${contour.url}/metrics`)).status).toBe(401);
    expect((await get(`${contour.url}/metrics`, { authorization: 'Bearer other' })).status).toBe(
      401,
    );
  });

  it('answers in time with the remaining metrics while Redis hangs and Postgres is away', async () => {
    contour.redis.freeze();
    await contour.postgres?.stop();
    try {
      const [api, worker] = await Promise.all([scrapeApi(), scrapeWorker()]);
      for (const { status, ms } of [api, worker]) {
        expect(status).toBe(200);
        expect(ms).toBeLessThan(SCRAPE_WITHIN_MS);
      }
      const samples = parseExposition(api.text);
      expect(sampleOf(samples, 'contour_dependency_up', { dependency: 'redis' })).toBe(0);
      expect(sampleOf(samples, 'contour_dependency_up', { dependency: 'postgres' })).toBe(0);
      expect(sampleOf(samples, 'contour_accepted_total')).toBe(5);
      // Unknown values are left out: 0 would be wrong.
      for (const name of ['contour_queue_jobs', 'contour_workers', 'contour_lanes']) {
        expect(sampleOf(samples, name), name).toBeUndefined();
      }
      expect(sampleOf(parseExposition(worker.text), 'contour_delivered_total')).toBe(5);
    } finally {
      contour.redis.thaw();
      await contour.postgres?.start();
    }
    await expectSoon(scrapeApi, [
      ['contour_dependency_up', { dependency: 'redis' }, 1],
      ['contour_dependency_up', { dependency: 'postgres' }, 1],
      ['contour_workers', {}, 1],
    ]);
  });
});

/** The configuration of the runbook, for these processes and with an interval of a second. */
function configOfRunbook() {
  const [, text = ''] = PAGE('docs/runbook.md').match(/```yaml\n(.*?)```/s) ?? [];
  const { rule_files, scrape_configs } = parse(text);
  const [api, worker] = scrape_configs;
  const portsOf = (...all: readonly { port: number }[]) => [
    { targets: all.map(({ port }) => `127.0.0.1:${port}`) },
  ];
  return {
    global: { scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '1s' },
    rule_files,
    scrape_configs: [
      { ...api, static_configs: portsOf(...contour.apis) },
      { ...worker, static_configs: portsOf(...contour.workers) },
    ],
  };
}

const stateOf = async (prometheus: Prometheus, name: string): Promise<string | undefined> => {
  const { alerts } = await prometheus.ask('alerts');
  return alerts.find((one: { labels: Record<string, string> }) => one.labels.alertname === name)
    ?.state;
};

describe('Prometheus', () => {
  it('scrapes both processes with the configuration of the runbook, and alerts fire', async ({
    skip,
  }) => {
    const programs = await findPrometheus();
    if (programs.reason !== undefined) return skip(programs.reason);
    const prometheus = await startPrometheus(programs.prometheus, configOfRunbook(), {
      'alerts.yml': PAGE('deploy/prometheus/alerts.yml'),
      'contour-admin.key': ADMIN.authorization.replace('Bearer ', ''),
    });
    onTestFinished(() => prometheus.close());
    const areRead = async () => {
      const { activeTargets } = await prometheus.ask('targets');
      return (
        activeTargets.length === 2 &&
        activeTargets.every(({ health }: { health: string }) => health === 'up')
      );
    };
    await waitFor('both to be scraped', areRead);
    const isEvaluated = async () => {
      const { groups } = await prometheus.ask('rules');
      const rules = groups.flatMap(({ rules }: { rules: { health: string }[] }) => rules);
      return rules.length > 20 && rules.every(({ health }: { health: string }) => health === 'ok');
    };
    await waitFor('every rule to be evaluated', isEvaluated);
    expect(await stateOf(prometheus, 'ContourNotParked')).toBeUndefined();
    expect(await stateOf(prometheus, 'ContourNoWorkers')).toBeUndefined();

    expect((await resolve(contour.url, messageTo(unknown))).status).toBe(404);
    const fires = async () => (await stateOf(prometheus, 'ContourNotParked')) === 'firing';
    await waitFor('ContourNotParked', fires);
    await contour.workers[0]?.stop();
    const isPending = async () => (await stateOf(prometheus, 'ContourNoWorkers')) === 'pending';
    await waitFor('ContourNoWorkers', isPending);
  });
});
