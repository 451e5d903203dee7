import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createConsoleCore } from '@contour/core';
import { temporaryDir } from '@contour/local';
import { describe, expect, it, onTestFinished } from 'vitest';
import { parse, stringify } from 'yaml';
import { createApiMetrics } from '../../apps/api/src/metrics/create-api-metrics.ts';
import { releaseParkedDuty } from '../../apps/worker/src/duties/release-parked.ts';
import { removeOldDuty } from '../../apps/worker/src/duties/remove-old.ts';
import { createWorkerMetrics, watchStalled } from '../../apps/worker/src/metrics/worker-metrics.ts';
import { parseExposition } from '../support/exposition.ts';
import { findPrometheus } from '../support/prometheus.ts';

const execute = promisify(execFile);
const ROOT = join(import.meta.dirname, '../..');
const ALERTS = join(ROOT, 'deploy/prometheus/alerts.yml');
const ALERT_TESTS = join(import.meta.dirname, 'alerts');
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');

interface Alert {
  alert: string;
  expr: string;
  labels: { severity: string };
  annotations: { summary: string; description: string; runbook_url: string };
}

interface Panel {
  id: number;
  type: string;
  title: string;
  gridPos: { x: number; y: number; w: number; h: number };
  datasource?: unknown;
  targets?: { refId: string; expr: string }[];
}

const alerts = (
  parse(read('deploy/prometheus/alerts.yml')) as { groups: { rules: Alert[] }[] }
).groups.flatMap(({ rules }) => rules);
const dashboard = JSON.parse(read('deploy/grafana/contour.json'));
const panels = dashboard.panels as Panel[];
const shown = panels.flatMap(({ title, targets = [] }) =>
  targets.map(({ expr }) => ({ title, expr })),
);
const expressions = [...alerts.map(({ alert, expr }) => ({ title: alert, expr })), ...shown];

/** The labels of each metric, and their values. */
async function exposed(): Promise<Map<string, Map<string, Set<string>>>> {
  const pool = { totalCount: 0, idleCount: 0, waitingCount: 0, options: { max: 1 } };
  const queue = { isPaused: false, waiting: 0, delayed: 0, active: 0, failed: 0, oldestAt: null };
  const api = createApiMetrics({
    pools: { main: pool },
    pings: { postgres: async () => {}, redis: async () => {}, neo4j: async () => {} },
    maxBacklog: 1,
    backlog: async () => ({ waiting: 0, delayed: 0, active: 0, memoryUsed: 0, memoryLimit: 0 }),
    liveWorkers: async () => 0,
    queueFacts: async () => [
      { queue: 'resolve', ...queue },
      { queue: 'dlq', ...queue },
    ],
    streamFacts: async () => [{ shard: 0, length: 0, pending: 0, lag: 0, owner: null, lost: 0 }],
    laneFacts: async () => ({ due: 0, blocked: 0, oldestDueSeconds: 0 }),
    oldestSnapshots: async () => ({ inTime: null, inTransactions: null }),
    parkedFacts: async () => ({ byReason: [], unknownBytes: 0 }),
    mirrorBacklog: async () => ({ rows: 0, oldestSeconds: 0 }),
  });
  const none = {} as never;
  const core = createConsoleCore({ write: () => undefined });
  const { registry } = createWorkerMetrics({ pools: { main: pool }, core });
  watchStalled(registry, []);
  const upkeep = { ...{ registry, pool: none, logger: none }, stopping: none };
  removeOldDuty({ ...upkeep, days: 1 });
  releaseParkedDuty({ ...upkeep, dlq: none, resolveAll: none, id: '' });
  const names = new Map<string, Map<string, Set<string>>>();
  const texts = [await api.scrape(), await registry.metrics()];
  for (const { name, labels } of texts.flatMap(parseExposition)) {
    const known = names.get(name) ?? new Map<string, Set<string>>();
    names.set(name, known);
    for (const [label, value] of Object.entries(labels)) {
      known.set(label, (known.get(label) ?? new Set()).add(value));
    }
  }
  return names;
}

const FROM_PROMETHEUS = ['instance', 'job'];

/** The metrics of an expression, each with its selectors. */
function selectors(expr: string): { name: string; matchers: [string, string, string][] }[] {
  return [...expr.matchAll(/\b(contour_\w+)(?:\{([^}]*)\})?/g)].map(
    ([, name = '', matchers = '']) => ({
      name,
      matchers: [...matchers.matchAll(/(\w+)(=~|!=|=)"([^"]*)"/g)].map(
        ([, label = '', operator = '', value = '']) => [label, operator, value],
      ),
    }),
  );
}

describe('every metric in alerts and dashboard', () => {
  it('is exposed under that name, with those labels and values', async () => {
    const names = await exposed();
    for (const { title, expr } of expressions) {
      const found = selectors(expr);
      expect(found, title).not.toEqual([]);
      for (const { name, matchers } of found) {
        const labels = names.get(name);
        expect(labels, `${title}: ${name}`).toBeDefined();
        for (const [label, operator, value] of matchers) {
          const wanted = operator === '=~' ? value.split('|') : [value];
          expect([...(labels?.get(label) ?? [])], `${title}: ${name}`).toEqual(
            expect.arrayContaining(wanted),
          );
        }
      }
      const known = new Set(found.flatMap(({ name }) => [...(names.get(name)?.keys() ?? [])]));
      const grouped = [...expr.matchAll(/\b(?:by|on) \(([^)]*)\)/g)].flatMap(([, list = '']) =>
        list.split(', '),
      );
      expect([...known, ...FROM_PROMETHEUS], title).toEqual(expect.arrayContaining(grouped));
    }
  });

  it('and every exposed metric is used there', async () => {
    const asked = new Set(
      expressions.flatMap(({ expr }) => selectors(expr)).map(({ name }) => name),
    );
    const ofNode = /^contour_(nodejs|process)_/;
    const isAsked = (name: string) =>
      asked.has(name) || asked.has(name.replace(/_(sum|count)$/, '_bucket'));
    const names = [...(await exposed()).keys()].filter((name) => !ofNode.test(name));
    expect(names.filter((name) => !isAsked(name))).toEqual([]);
  });

  it('has no label for tenant, client, dialog or chat', async () => {
    const labels = [...(await exposed()).values()].flatMap((known) => [...known.keys()]);
    expect(
      [...new Set(labels)].filter((name) => /tenant|client|dialog|chat|acc/.test(name)),
    ).toEqual([]);
  });
});

describe('alerts.yml', () => {
  const sections = new Map(
    read('docs/runbook.md')
      .split(/^### /m)
      .slice(1)
      .map((text) => [text.slice(0, text.indexOf('\n')).toLowerCase(), text]),
  );

  it('has a section of the runbook for every alert, and every section has its alert', () => {
    expect([...sections.keys()]).toEqual(alerts.map(({ alert }) => alert.toLowerCase()));
    for (const { alert, annotations } of alerts) {
      expect(annotations.runbook_url).toBe(`docs/runbook.md#${alert.toLowerCase()}`);
      const section = sections.get(alert.toLowerCase());
      for (const part of ['Means', 'Look', 'Do']) expect(section, alert).toContain(`- **${part}**`);
    }
  });

  it('has a summary and a severity for every alert', () => {
    for (const { alert, labels, annotations } of alerts) {
      expect(['critical', 'warning'], alert).toContain(labels.severity);
      expect(annotations.summary, alert).toBeTruthy();
      expect(annotations.description, alert).toBeTruthy();
    }
  });

  it('links to the runbook of the installation', async () => {
    const [, command = ''] = read('deploy/prometheus/alerts.yml').match(/^# {3}(sed .+) > /m) ?? [];
    const { stdout } = await execute('sh', ['-c', command], { cwd: join(ALERTS, '..') });
    const links = [...stdout.matchAll(/runbook_url: (.+)/g)].map(([, link = '']) => new URL(link));
    expect(links.map(({ hash }) => hash)).toEqual(
      alerts.map(({ alert }) => `#${alert.toLowerCase()}`),
    );
  });
});

describe('the dashboard', () => {
  it('can be imported: its panels have unique ids and places, and use the chosen data source', () => {
    expect(dashboard).toMatchObject({ uid: 'contour', schemaVersion: expect.any(Number) });
    expect(dashboard.templating.list).toEqual([
      expect.objectContaining({ name: 'datasource', type: 'datasource', query: 'prometheus' }),
    ]);
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    const taken = new Set<string>();
    for (const { type, title, gridPos, datasource, targets = [] } of panels) {
      expect(gridPos.x + gridPos.w, title).toBeLessThanOrEqual(24);
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x += 1) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y += 1) {
          expect(taken.has(`${x} ${y}`), `${title} lies on another panel`).toBe(false);
          taken.add(`${x} ${y}`);
        }
      }
      if (type === 'row') continue;
      // biome-ignore lint/suspicious/noTemplateCurlyInString: a variable of Grafana's
      expect(datasource, title).toEqual({ type: 'prometheus', uid: '${datasource}' });
      expect(new Set(targets.map(({ refId }) => refId)).size, title).toBe(targets.length);
      expect(targets.length, title).toBeGreaterThan(0);
    }
  });

  it('has its rows in the order of a message’s way', () => {
    expect(panels.filter(({ type }) => type === 'row').map(({ title }) => title)).toEqual([
      'Intake',
      'Resolve',
      'Delivery',
      'Queues',
      'Streams',
      'Graph',
      'Processes',
    ]);
  });
});

describe('promtool', () => {
  const temporary = async () => {
    const folder = await temporaryDir();
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    return folder;
  };

  // Without promtool only the other tests of this file check the expressions.
  it('can parse every expression of the alerts and of the dashboard', async ({ skip }) => {
    const programs = await findPrometheus();
    if (programs.reason !== undefined) return skip(programs.reason);
    const rules = shown.map(({ expr }, index) => ({
      record: `panel:${index}`,
      expr: expr.replaceAll('$__rate_interval', '5m'),
    }));
    const file = join(await temporary(), 'dashboard.yml');
    await writeFile(file, stringify({ groups: [{ name: 'dashboard', rules }] }));
    const { stdout } = await execute(programs.promtool, ['check', 'rules', ALERTS, file]);
    const counts = [...stdout.matchAll(/SUCCESS: (\d+) rules found/g)].map(([, n]) => Number(n));
    expect(counts).toEqual([alerts.length, shown.length]);
  });

  const files = readdirSync(ALERT_TESTS).map((name) => join(ALERT_TESTS, name));

  it('sees every alert fire in time, with its texts, and not before', async ({ skip }) => {
    const programs = await findPrometheus();
    if (programs.reason !== undefined) return skip(programs.reason);
    const ran = await execute(programs.promtool, ['test', 'rules', ...files]).catch(
      (error) => error,
    );
    expect(`${ran.stdout}${ran.stderr}`).not.toContain('FAILED');
  });

  it('has both tests for every alert', () => {
    const asked = files
      .map((file) => parse(readFileSync(file, 'utf8')))
      .flatMap(({ tests }) => tests)
      .flatMap(({ alert_rule_test }) => alert_rule_test);
    for (const { alert } of alerts) {
      const own = asked.filter(({ alertname }) => alertname === alert);
      const quiet = own.filter(({ exp_alerts = [] }) => exp_alerts.length === 0);
      expect([quiet.length > 0, quiet.length < own.length], alert).toEqual([true, true]);
    }
  });
});
