import type { ViolationKind } from '../support/checker/violation.ts';
import type { Behave } from '../support/fake-core.ts';
import type { Body } from '../support/messages.ts';
import type { Rewrite } from '../support/rewritten/rewritten.ts';

/** A deliberate defect of the product. */
export interface Break extends Rewrite {
  /** The number of the guarantee that it takes away. */
  guarantee: number;
  /** The effect, as a sentence about the product. */
  effect: string;
}

/** A break of one guarantee, the load that shows it, and the violation that the checker must report. */
export interface Scene extends Break {
  says: ViolationKind;
  core?: Behave;
  /** Additional fields of the messages. */
  fields?: (credential: string) => Body;
  /** How often each message is sent. */
  copies?: number;
  /** Removes the constraint that would prevent the break. */
  unguard?: string;
}

const refusesAll: Behave = () => ({ status: 400 });

export const BREAKS: readonly Scene[] = [
  {
    guarantee: 1,
    effect: 'one batch in five is reported as stored and is not',
    file: 'packages/store/dist/resolve/store-messages.js',
    find: 'const rows = await insertMessages(db,',
    replace:
      'globalThis.nth = (globalThis.nth ?? 0) + 1; const unstored = dialogs.map(([d]) => ({ dialog_id: d.id, shard: 0 })); const rows = globalThis.nth % 5 === 0 ? unstored : await insertMessages(db,',
    says: 'lost',
  },
  {
    guarantee: 2,
    effect: 'a message dies without an entry in the dead-letter queue',
    file: 'packages/store/dist/lanes/settle.js',
    find: "where d.status = 'dead'",
    replace: 'where false',
    core: refusesAll,
    says: 'dead_without_entry',
  },
  {
    guarantee: 3,
    effect: 'the open dialog is not looked up',
    file: 'packages/store/dist/resolve/store-messages.js',
    find: 'where d.status_id in (1, 2)',
    replace: 'where false',
    unguard: 'drop index dialogs_open',
    says: 'two_open_dialogs',
  },
  {
    guarantee: 4,
    effect: 'a repeat gets an answer of its own',
    file: 'packages/store/dist/resolve/first-look.js',
    find: "return { kind: 'replayed', receipt: entry.receipt };",
    replace:
      "return { kind: 'replayed', receipt: { ...entry.receipt, traceId: String(Math.random()) } };",
    copies: 2,
    says: 'answers_differ',
  },
  {
    guarantee: 4,
    effect: 'a copy is another message',
    file: 'packages/contract/dist/identity.js',
    find: '[...messageIds].sort()',
    replace: '[...messageIds, String(Math.random())].sort()',
    copies: 2,
    says: 'phantom',
  },
  {
    guarantee: 5,
    effect: 'a lane is sent from its end',
    file: 'packages/store/dist/lanes/take-due.js',
    find: 'order by coalesce(m.place, 1), l.rank`',
    replace: 'order by coalesce(m.place, 1) desc, l.rank`',
    core: () => ({ status: 200, delayMs: 100 }),
    says: 'out_of_order',
  },
  {
    guarantee: 6,
    effect: 'a message counts as delivered although Core did not take it',
    file: 'apps/worker/dist/deliver/deliver-dialog.js',
    find: 'const result = await pushTraced(core, deps.tracer, message);',
    replace:
      "await pushTraced(core, deps.tracer, message); const result = { outcome: 'delivered', ms: 1 };",
    core: (_request, nth) => ({ status: nth === 1 ? 500 : 200 }),
    says: 'not_at_core',
  },
  {
    guarantee: 7,
    effect: 'a credential stays where the sender wrote it',
    file: 'packages/contract/dist/json.js',
    find: 'if (!isSecret(credential) || !mayContain(text, credential))',
    replace: 'if (true)',
    fields: (credential) => ({ meta: { url: `https://files.example/${credential}/photo` } }),
    says: 'credential_leaked',
  },
  {
    guarantee: 8,
    effect: 'rows that were never written into the graph count as mirrored',
    file: 'packages/graph/dist/create-graph.js',
    find: 'rows.length > 0',
    replace: 'rows.length > 1_000_000',
    says: 'mirror_differs',
  },
];

/** An acknowledgement before the commit: it does harm only when a worker dies. */
export const ENDS_BEFORE_IT_HANDLES: Break = {
  guarantee: 2,
  effect: 'entries of a stream are acknowledged before they are resolved',
  file: 'packages/queue/dist/streams/read-shard.js',
  find: 'const handled = await this.handle(entries, heldChats);',
  replace:
    'await this.inRedis.end(entries.map(({ id }) => id)); const handled = await this.handle(entries, heldChats);',
};
