export {
  createPool,
  type Database,
  type PoolCounts,
  type PoolOptions,
  poolCounts,
  type Queryable,
  type Transaction,
} from './database.ts';
export { asAppError } from './errors.ts';
export { FOR_LOOKUPS } from './plans.ts';
export {
  type OldestSnapshots,
  type OldSnapshot,
  oldestSnapshots,
  type PostgresFacts,
  ping,
  readPostgresFacts,
} from './server-facts.ts';
export { withTransaction } from './transaction.ts';
