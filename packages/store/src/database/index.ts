export {
  createPool,
  type Database,
  FOR_LOOKUPS,
  type PoolCounts,
  type PoolOptions,
  poolCounts,
  type Queryable,
  type Transaction,
  withTransaction,
} from './database.ts';
export { asAppError } from './errors.ts';
export {
  type OldestSnapshots,
  type OldSnapshot,
  oldestSnapshots,
  type PostgresFacts,
  ping,
  readPostgresFacts,
} from './server-facts.ts';
