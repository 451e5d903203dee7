import { Command, CommanderError } from 'commander';
import { type AddCommand, type Cli, UsageError } from './cli.ts';

/** In the order of the help. Each is loaded when it is typed: some bring a driver that takes its time. */
const COMMANDS: Readonly<Record<string, () => Promise<AddCommand>>> = {
  start: async () => (await import('./commands/start.ts')).addStart,
  doctor: async () => (await import('./commands/doctor.ts')).addDoctor,
  migrate: async () => (await import('./commands/migrate.ts')).addMigrate,
  adopt: async () => (await import('./commands/adopt.ts')).addAdopt,
  tenant: async () => (await import('./commands/tenant.ts')).addTenant,
  channel: async () => (await import('./commands/channel.ts')).addChannel,
  dlq: async () => (await import('./commands/dlq.ts')).addDlq,
  message: async () => (await import('./commands/message.ts')).addMessage,
  load: async () => (await import('./commands/load.ts')).addLoad,
  tail: async () => (await import('./commands/tail.ts')).addTail,
  audit: async () => (await import('./commands/audit.ts')).addAudit,
  graph: async () => (await import('./commands/graph.ts')).addGraph,
  erase: async () => (await import('./commands/erase.ts')).addErase,
  demo: async () => (await import('./commands/demo.ts')).addDemo,
};

/** With the commands below it, no longer than a screen. */
const ABOUT = 'What an operator types; its servers: DATABASE_URL, REDIS_URL, NEO4J_URI.';

type Streams = Omit<Cli, 'report' | 'isJson'>;

const JSON_OPTION = ['--json', 'the result as JSON, for scripts'] as const;

/** The command or the group that was typed, where there is one. */
function typedName(args: readonly string[]): string | undefined {
  const name = args.find((arg) => !arg.startsWith('-')) ?? '';
  return Object.hasOwn(COMMANDS, name) ? name : undefined;
}

/** The command that was typed alone; all of them where help is needed, or a likeness. */
function wanted(args: readonly string[]): Array<() => Promise<AddCommand>> {
  const name = typedName(args);
  const typed = name === undefined ? undefined : COMMANDS[name];
  return typed === undefined ? Object.values(COMMANDS) : [typed];
}

/** `--json` may stand anywhere, before the command or behind it. */
export async function createProgram(streams: Streams, args: readonly string[]): Promise<Command> {
  const program = new Command('contour');
  const isJson = () => args.includes('--json');
  const cli: Cli = {
    ...streams,
    isJson,
    report(result, print) {
      if (isJson()) streams.say(JSON.stringify(result));
      else print();
    },
  };
  program
    .description(ABOUT)
    .option(...JSON_OPTION)
    .helpOption('-h, --help', 'this text')
    .helpCommand(false)
    .showSuggestionAfterError(true)
    .addHelpText('after', '\nExample: contour doctor');
  for (const load of wanted(args)) (await load())(program, cli);
  quiet(program);
  return program;
}

/** Commander neither exits nor writes errors by itself: whoever runs the program does. */
function quiet(command: Command): void {
  command.exitOverride();
  command.configureOutput({ writeErr: () => {} });
  for (const child of command.commands) {
    child.helpOption('-h, --help', 'this text');
    child.option(...JSON_OPTION);
    child.helpCommand(false);
    quiet(child);
  }
}

/** Runs what was typed. Throws UsageError where it is no command, and whatever the command throws. */
export async function run(program: Command, args: readonly string[]): Promise<void> {
  try {
    await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return; // help was asked for, and shown
    if (error.code === 'commander.help') {
      const group = ['contour', typedName(args) ?? []].flat().join(' ');
      throw new UsageError(`a command is missing: see ${group} --help`);
    }
    // A credential that was typed as an option's value is not repeated.
    const message = error.message.replace(/^error: /, '').replace(/('--[\w-]+)=[^\n]*'/, "$1'");
    throw new UsageError(message.replaceAll('\n', ' '));
  }
}
