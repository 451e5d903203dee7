import type { CoreRequest, FakeCore } from '../fake-core.ts';
import type { LedgerRow } from './ledger-row.ts';
import type { Violation } from './violation.ts';

/** The requests that Core got. */
interface SeenCore extends Pick<FakeCore, 'unequalKeys' | 'strays' | 'overflowed'> {
  requests: ReadonlyArray<Pick<CoreRequest, 'key' | 'body' | 'order' | 'answer'>>;
}

const isSuccess = ({ answer }: Pick<CoreRequest, 'answer'>) =>
  answer !== null && answer.status >= 200 && answer.status < 300;

/** When a message first reached Core, and when Core first accepted it. */
interface Seen {
  firstAt: number;
  yesAt: number;
  body: string;
}

function seenByKey(core: SeenCore): Map<string, Seen> {
  const seen = new Map<string, Seen>();
  for (const request of core.requests) {
    const known = seen.get(request.key);
    const yesAt = isSuccess(request) ? (request.answer?.order ?? Infinity) : Infinity;
    seen.set(request.key, {
      firstAt: Math.min(known?.firstAt ?? Infinity, request.order),
      yesAt: Math.min(known?.yesAt ?? Infinity, yesAt),
      body: known?.body ?? request.body,
    });
  }
  return seen;
}

/**
 * A message first arrives after Core has accepted the one before it in the dialog, unless that one is
 * dead, or was until its replay. Repeats of earlier messages are allowed: a crash causes them, and Core
 * recognises the key.
 */
function orderViolations(
  ledger: ReadonlyMap<string, LedgerRow>,
  seen: ReadonlyMap<string, Seen>,
): Violation[] {
  const violations: Violation[] = [];
  let before: LedgerRow | undefined;
  for (const row of ledger.values()) {
    const previous = before?.dialogId === row.dialogId ? before : undefined;
    before = row;
    if (previous === undefined || previous.status === 'dead' || previous.wasReplayed) continue;
    const firstAt = seen.get(row.id)?.firstAt ?? Infinity;
    const previousYesAt = seen.get(previous.id)?.yesAt ?? Infinity;
    if (firstAt < previousYesAt) {
      violations.push({
        kind: 'out_of_order',
        detail: `dialog ${row.dialogId}: ${row.seq} reached Core before ${previous.seq} was through`,
      });
    }
  }
  return violations;
}

/** Compares Core's requests with the ledger. */
export function checkCore(ledger: ReadonlyMap<string, LedgerRow>, core: SeenCore): Violation[] {
  const seen = seenByKey(core);
  const violations: Violation[] = core
    .unequalKeys()
    .map((key) => ({ kind: 'payloads_differ', detail: `message ${key}` }));
  for (const path of core.strays) violations.push({ kind: 'stray_request', detail: path });
  if (core.overflowed()) {
    violations.push({ kind: 'stray_request', detail: 'more requests than Core can remember' });
  }
  for (const [key, { body }] of seen) {
    const row = ledger.get(key);
    if (row === undefined) {
      violations.push({ kind: 'unknown_at_core', detail: `key ${key}` });
    } else if (row.payload !== body) {
      violations.push({ kind: 'payloads_differ', detail: `message ${key}: stored otherwise` });
    }
  }
  for (const row of ledger.values()) {
    if (row.status === 'delivered' && (seen.get(row.id)?.yesAt ?? Infinity) === Infinity) {
      violations.push({ kind: 'not_at_core', detail: `message ${row.id} counts as delivered` });
    }
  }
  return [...violations, ...orderViolations(ledger, seen)];
}
