import { openPool } from '../../support/outside-pool.ts';
import { ourWorkers, workOff } from '../experiments/by-queue.ts';
import { byPgbench, byResolver } from '../experiments/by-sql.ts';
import { inPairs } from '../measure/pairs.ts';
import { inRounds } from '../measure/rounds.ts';
import { nextLot, type Study, withBench } from '../study.ts';

const BATCH = 100;

/** Compares the resolver with a program that only sends the same statements. */
export const SQL_STUDY: Study = {
  name: 'sql',
  finds: ['resolver_vs_pgbench'],
  run: (size, sheet) =>
    withBench(async (bench) => {
      const lot = (batch: number, messages = size.messages) => ({
        name: nextLot(),
        messages,
        batch,
      });
      const pairs = await inPairs(
        size.pairs,
        () => byResolver(bench, lot(BATCH)),
        () => byPgbench(bench, lot(BATCH)),
      );
      sheet.add(
        'resolver_vs_pgbench',
        pairs.map(({ a, b }) => a / b),
      );
      sheet.add(
        'resolver_rows',
        pairs.map(({ a }) => a),
        '/s',
      );
      sheet.add(
        'pgbench_batched_rows',
        pairs.map(({ b }) => b),
        '/s',
      );
      sheet.add('pgbench_per_row_rows', [await byPgbench(bench, lot(1, size.messages / 4))], '/s');
    }),
};

/** How many statements a message needs under full load. */
export const STATEMENTS_STUDY: Study = {
  name: 'statements',
  finds: ['statements_per_message'],
  run: (size, sheet) =>
    withBench(
      async (bench) => {
        const pool = openPool(bench.databaseUrl, 1);
        try {
          await pool.query('create extension if not exists pg_stat_statements');
          const worker = await ourWorkers(bench, { WORKER_ROLES: 'resolve,deliver' });
          const count = async () => {
            await pool.query('select pg_stat_statements_reset()');
            await workOff(bench, worker, { lot: nextLot(), count: size.messages });
            const { rows } = await pool.query<{ calls: number }>(
              `select sum(s.calls)::int as calls from pg_stat_statements s
                 join pg_database d on d.oid = s.dbid where d.datname = current_database()`,
            );
            return (rows[0]?.calls ?? Number.NaN) / size.messages;
          };
          sheet.add('statements_per_message', await inRounds(size.pairs, count));
        } finally {
          await pool.end();
        }
      },
      { postgres: ['shared_preload_libraries=pg_stat_statements'] },
    ),
};
