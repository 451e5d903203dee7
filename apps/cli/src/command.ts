import { parseArgs } from 'node:util';

const COMMANDS = {
  start: 'start Postgres, Redis, the API and a worker, and keep them running',
  migrate: 'bring the schema of DATABASE_URL up to date',
  demo: 'make the demo tenant in DATABASE_URL, with an account for each channel',
} as const;

export type CommandName = keyof typeof COMMANDS;

export const USAGE = [
  'Usage: contour <command>',
  '',
  ...Object.entries(COMMANDS).map(([name, does]) => `  ${name.padEnd(9)}${does}`),
  '',
].join('\n');

/** What was typed was no command; the message is for the terminal. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** The command that was typed, or `help`. Throws UsageError. */
export function parseCommand(args: readonly string[]): CommandName | 'help' {
  const { values, positionals } = parse(args);
  const [command, ...more] = positionals;
  if (values.help || command === 'help') return 'help';
  if (command === undefined) throw new UsageError('a command is missing');
  if (!isCommand(command)) throw new UsageError(`there is no command "${command}"`);
  if (more[0] !== undefined)
    throw new UsageError(`"${more[0]}" is too much: ${command} takes none`);
  return command;
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: { help: { type: 'boolean', short: 'h' } },
      allowPositionals: true,
    });
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new UsageError(message.split('. ')[0] ?? message);
  }
}

function isCommand(word: string): word is CommandName {
  return Object.hasOwn(COMMANDS, word);
}
