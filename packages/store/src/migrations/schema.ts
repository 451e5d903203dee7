// For the package that takes over a foreign schema. It needs connections of its own, and no app may import this.
export { inTransaction, type PoolClient, withClient } from '../database/database.ts';
export { sqlState } from '../database/errors.ts';
export { run } from '../database/statement.ts';
export {
  createIndex,
  dropIndex,
  FIRST_MIGRATION,
  noteMigrations,
  readIndexStatement,
  readMigration,
  splitSql,
  takeTurn,
} from './migrate.ts';
