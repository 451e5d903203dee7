export { inTransaction, withClient } from './database/transaction.ts';
