export * from '../migrations/ddl.ts';
