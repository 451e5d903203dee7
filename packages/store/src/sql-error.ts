export { sqlState } from './database/errors.ts';
