import type { Pool } from '../../support/outside-pool.ts';
import type { Figure } from './figure.ts';

const MB = 1024 * 1024;
const TABLES = ['messages', 'lanes', 'dialogs', 'clients', 'client_channels', 'graph_removals'];

/** Free room that vacuum leaves, and differences between hours. */
const MAY_GROW = { table: 6 * MB, indexes: 4 * MB, connections: 12 };
/** Free room of pages, and rows of different lengths. */
const LOOSE = 1.5;

interface Size {
  rows: number;
  dead: number;
  table: number;
  indexes: number;
  /** The bytes of its rows alone. */
  bytes: number;
}

async function sizeOf(pool: Pool, table: string): Promise<Size> {
  const { rows } = await pool.query<Size>(
    `select count(*)::int as rows, coalesce(sum(pg_column_size(t.*)), 0)::float8 as bytes,
            pg_table_size('${table}')::float8 as table, pg_indexes_size('${table}')::float8 as indexes,
            (select n_dead_tup::int from pg_stat_user_tables where relid = '${table}'::regclass) as dead
       from ${table} t`,
  );
  return rows[0] ?? { rows: 0, dead: 0, table: 0, indexes: 0, bytes: 0 };
}

/** The bytes of index entries for a row, in all indexes of its table. */
const INDEXED_ROW = 300;

async function measureTable(pool: Pool, table: string): Promise<Figure[]> {
  const { rows, dead, table: size, indexes, bytes } = await sizeOf(pool, table);
  return [
    { name: `${table}: rows`, value: rows, unit: 'count' },
    { name: `${table}: dead rows`, value: dead, unit: 'count' },
    {
      ...{ name: `${table}: size`, value: size, unit: 'bytes' as const },
      ...{ byRight: bytes * LOOSE, mayGrow: MAY_GROW.table },
    },
    {
      ...{ name: `${table}: indexes`, value: indexes, unit: 'bytes' as const },
      ...{ byRight: rows * INDEXED_ROW, mayGrow: MAY_GROW.indexes },
    },
  ];
}

export async function measurePostgres(pool: Pool): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const table of TABLES) figures.push(...(await measureTable(pool, table)));
  const { rows } = await pool.query<{ count: number }>(
    `select count(*)::int from pg_stat_activity
      where datname = current_database() and application_name <> 'contour-test'`,
  );
  figures.push({
    ...{ name: 'Postgres: connections', value: rows[0]?.count ?? 0, unit: 'count' },
    mayGrow: MAY_GROW.connections,
  });
  return figures;
}
