export type { PoolClient } from './database/database.ts';
export type Pool = import('./database/database.ts').Database & import('pg').Pool;
