import type { Core, PushResult } from '@contour/core';
import { createCounter, createHistogram, perKey } from '@contour/runtime';
import { Gauge, type Registry } from 'prom-client';

const CLASSES = ['2xx', '3xx', '4xx', '5xx', 'timeout', 'network'] as const;
type AnswerClass = (typeof CLASSES)[number];

/** Undefined where nobody was asked: the circuit is open, or the console stands in for Core. */
function classOf(result: PushResult): AnswerClass | undefined {
  if (result.outcome === 'held' || result.outcome === 'aborted') return undefined;
  if (result.status !== undefined) return `${Math.floor(result.status / 100)}xx` as AnswerClass;
  return result.outcome === 'delivered' ? undefined : (result.code as AnswerClass);
}

/** Statuses that may be about the way to Core, as values of a label. */
const REFUSALS = ['3xx', '401', '403', '404', '405', '407', '429'] as const;

const refusalOf = (code: string) => code.replace(/^http_(3)\d\d$/, '$1xx').replace('http_', '');

/** The same way to Core, timed by how it answered. */
export function measureCore(registry: Registry, core: Core): Core {
  const histogram = createHistogram(registry, {
    name: 'contour_core_answer_seconds',
    help: 'How long Core took to answer an attempt, by the class of its status or by what came instead.',
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 30],
  });
  new Gauge({
    name: 'contour_core_circuit_open',
    help: '1 while this worker gets nothing through to Core, after many failures in a row.',
    registers: [registry],
    collect() {
      this.set(core.circuits().isOpen ? 1 : 0);
    },
  });
  new Gauge({
    name: 'contour_core_tenant_circuits_open',
    help: 'Tenants whose messages this worker holds back, because Core failed many times in a row for them.',
    registers: [registry],
    collect() {
      this.set(core.circuits().openTenants);
    },
  });
  const refusal = createCounter(registry, {
    name: 'contour_core_refusals_total',
    help: 'Answers about the way to Core while it accepts no other message. The refused message waits.',
    labelNames: ['status'],
  });
  const refusals: Partial<Record<string, { inc(): void }>> = perKey(REFUSALS, (status) =>
    refusal(status),
  );
  const answers: Partial<Record<string, { observe(seconds: number): void }>> = perKey(
    CLASSES,
    (name) => histogram({ class: name }),
  );
  return {
    ...core,
    async push(message) {
      const result = await core.push(message);
      const name = classOf(result);
      if (name !== undefined && 'ms' in result) answers[name]?.observe(result.ms / 1000);
      if (result.outcome === 'postponed') refusals[refusalOf(result.code)]?.inc();
      return result;
    },
  };
}
