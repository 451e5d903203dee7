import type { Pool } from '../../support/outside-pool.ts';
import type { Program } from './program.ts';

interface Counts {
  messages: number;
  pending: number;
  delivered: number;
  /** Dialogs whose numbers have gaps or duplicates. */
  misnumbered: number;
}

/** The audit of a run. Without a clean audit a run has no figure. */
export interface Ledger {
  /** Starts a run: earlier messages do not count. */
  begin(): Promise<void>;
  /** Whether Core has got this many since. */
  isTold(count: number): Promise<boolean>;
  /** Whether no message is in flight. */
  isAtRest(): Promise<boolean>;
  /** Expects this many stored messages, and that Core got each once, or none. */
  end(expected: { stored: number; delivered: number }): Promise<void>;
  /** Expects that Core got all earlier messages once, and that none is left. */
  endWaiting(delivered: number): Promise<void>;
}

const COUNT = `
  select count(*)::int as messages,
         count(*) filter (where status = 'pending')::int as pending,
         count(*) filter (where status = 'delivered')::int as delivered,
         (select count(*)::int from (
            select from messages group by tenant_id, dialog_id having max(seq) <> count(*)) gaps) as misnumbered
    from messages`;

const holdAgainst = (found: object, wanted: object): void => {
  if (JSON.stringify(found) === JSON.stringify(wanted)) return;
  throw new Error(`the audit found ${JSON.stringify(found)}, not ${JSON.stringify(wanted)}`);
};

export function auditAll(pool: Pool, sink: Program): Ledger {
  let before: Counts = { messages: 0, pending: 0, delivered: 0, misnumbered: 0 };

  const count = async (): Promise<Counts> => {
    const { rows } = await pool.query<Counts>(COUNT);
    return rows[0] as Counts;
  };

  const told = () => sink.ask<{ requests: number; distinct: number }>('count');

  return {
    async begin() {
      before = await count();
      await sink.ask('forget');
    },
    isTold: async (count) => (await told()).requests >= count,
    async isAtRest() {
      const { rows } = await pool.query('select from lanes limit 1');
      return rows.length === 0;
    },
    async end({ stored, delivered }) {
      const { messages, delivered: marked, misnumbered } = await count();
      const found = {
        ...(await told()),
        stored: messages - before.messages,
        marked: marked - before.delivered,
        misnumbered,
      };
      holdAgainst(found, {
        requests: delivered,
        distinct: delivered,
        stored,
        marked: stored === 0 ? 0 : delivered,
        misnumbered: 0,
      });
    },
    async endWaiting(delivered) {
      const { pending, misnumbered } = await count();
      const wanted = { requests: delivered, distinct: delivered, pending: 0, misnumbered: 0 };
      holdAgainst({ ...(await told()), pending, misnumbered }, wanted);
    },
  };
}
