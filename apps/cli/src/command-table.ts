import type { AddCommand } from './cli.ts';

/** A line of the overview; undefined for what is not in it. */
type Summary = string | undefined;

/** In the order of the help. Each is loaded when it is typed: some bring a driver that takes its time. */
export const COMMANDS: Readonly<Record<string, [Summary, () => Promise<AddCommand>]>> = {
  start: [
    'start everything, and keep it running',
    async () => (await import('./commands/start.ts')).addStart,
  ],
  doctor: [
    'check every setting, server and version',
    async () => (await import('./commands/doctor.ts')).addDoctor,
  ],
  migrate: [
    'bring the schema of DATABASE_URL up to date',
    async () => (await import('./commands/migrate.ts')).addMigrate,
  ],
  adopt: [
    "take over another system's database",
    async () => (await import('./commands/adopt.ts')).addAdopt,
  ],
  tenant: [
    'the tenants in DATABASE_URL',
    async () => (await import('./commands/tenant.ts')).addTenant,
  ],
  channel: [
    "the tenants' channel accounts in DATABASE_URL",
    async () => (await import('./commands/channel.ts')).addChannel,
  ],
  dlq: [
    'the messages that could not go on, parked in DATABASE_URL',
    async () => (await import('./commands/dlq.ts')).addDlq,
  ],
  message: [
    'what became of a message',
    async () => (await import('./commands/message.ts')).addMessage,
  ],
  load: [
    'send real messages at a steady rate',
    async () => (await import('./commands/load.ts')).addLoad,
  ],
  tail: [
    'what happens now, per second and tenant',
    async () => (await import('./commands/tail.ts')).addTail,
  ],
  audit: [
    'hold every promise against the data; reads only',
    async () => (await import('./commands/audit.ts')).addAudit,
  ],
  graph: ['the mirror in NEO4J_URI', async () => (await import('./commands/graph.ts')).addGraph],
  erase: [
    'remove one person everywhere, and show the proof',
    async () => (await import('./commands/erase.ts')).addErase,
  ],
  demo: [undefined, async () => (await import('./commands/demo.ts')).addDemo],
};
