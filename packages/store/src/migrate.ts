export * from './migrations/migrate.ts';
