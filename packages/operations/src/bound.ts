import type { Database } from '@contour/store/database';

/** Gives functions of the store their database. */
export const boundTo =
  (pool: Database) =>
  <Args extends unknown[], Result>(work: (pool: Database, ...args: Args) => Result) =>
  (...args: Args): Result =>
    work(pool, ...args);
