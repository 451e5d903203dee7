import { parseArgs } from 'node:util';

/** What was typed was no command; the message is for the terminal. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

const COMMANDS = {
  start: 'start Postgres, Redis, Neo4j, the API and a worker, and keep them running',
  migrate: 'bring the schema of DATABASE_URL up to date',
  demo: 'make the demo tenant in DATABASE_URL, with an account for each channel',
  'graph verify': 'compare the graph (NEO4J_URI) with DATABASE_URL, tenant by tenant',
} as const;

export type CommandName = keyof typeof COMMANDS;

const OPTIONS = {
  help: { type: 'boolean', short: 'h' },
  repair: { type: 'boolean' },
  tenant: { type: 'string', multiple: true },
} as const;

/** The options that a command has besides --help, and what they do. */
const OPTIONS_OF: Partial<Record<CommandName, Record<string, string>>> = {
  'graph verify': {
    repair:
      'mend every difference and wait until it is done; removes every client,\n' +
      `${' '.repeat(16)}identity and dialog from the graph that DATABASE_URL does not have`,
    tenant: 'an id; only this tenant (may be given several times)',
  },
};

export const USAGE = [
  'Usage: contour <command>',
  '',
  ...Object.entries(COMMANDS).flatMap(([name, does]) => [
    `  ${name.padEnd(14)}${does}`,
    ...Object.entries(OPTIONS_OF[name as CommandName] ?? {}).map(
      ([option, means]) => `    ${`--${option}`.padEnd(12)}${means}`,
    ),
  ]),
  '',
].join('\n');

export interface Command {
  name: CommandName | 'help';
  repair: boolean;
  /** Empty: all. */
  tenants: string[];
}

/** The command that was typed, or `help`. Throws UsageError. */
export function parseCommand(args: readonly string[]): Command {
  const { values, positionals } = parse(args);
  const command = { repair: values.repair ?? false, tenants: values.tenant ?? [] };
  if (values.help || positionals[0] === 'help') return { name: 'help', ...command };
  const typed = positionals.join(' ');
  if (typed === '') throw new UsageError('a command is missing');
  const name = nameIn(positionals);
  if (name === undefined) throw new UsageError(`there is no command "${typed}"`);
  const more = positionals[name.split(' ').length];
  if (more !== undefined)
    throw new UsageError(`${name} takes no arguments, but was given "${more}"`);
  const strange = Object.keys(values).find((option) => !(option in (OPTIONS_OF[name] ?? {})));
  if (strange !== undefined) throw new UsageError(`${name} has no option --${strange}`);
  return { name, ...command };
}

function nameIn(positionals: readonly string[]): CommandName | undefined {
  const names = Object.keys(COMMANDS) as CommandName[];
  return names.find((name) => name.split(' ').every((word, i) => positionals[i] === word));
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true });
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new UsageError(message.split('. ')[0] ?? message);
  }
}
