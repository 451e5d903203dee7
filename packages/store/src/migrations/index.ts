export { migrate, migrationNames, pendingMigrations } from './migrate.ts';
