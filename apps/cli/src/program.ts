import { readFileSync } from 'node:fs';
import { Command, CommanderError, type ErrorOptions, Option } from 'commander';
import { type AddCommand, type Cli, EXIT, exitCodeOf, explain, UsageError } from './cli.ts';

type Load = () => Promise<{ add: AddCommand }>;

/** In the order of the help; without a text, it is not listed. Loaded when typed, because some load a slow driver. */
export const COMMANDS: Readonly<Record<string, [string | undefined, Load]>> = {
  start: ['start everything, and keep it running', () => import('./commands/start.ts')],
  doctor: ['check every setting, server and version', () => import('./commands/doctor.ts')],
  migrate: ['bring the schema of DATABASE_URL up to date', () => import('./commands/migrate.ts')],
  adopt: ["take over another system's database", () => import('./commands/adopt.ts')],
  tenant: ['the tenants in DATABASE_URL', () => import('./commands/tenant.ts')],
  channel: ["the tenants' channel accounts", () => import('./commands/channel.ts')],
  dlq: ['the dead-letter queue: undelivered messages', () => import('./commands/dlq.ts')],
  message: ['show what happened to a message', () => import('./commands/message.ts')],
  load: ['send real messages at a steady rate', () => import('./commands/load.ts')],
  tail: ['show what happens now, per second and tenant', () => import('./commands/tail.ts')],
  audit: ['check every promise against the data; reads only', () => import('./commands/audit.ts')],
  graph: ['the mirror in NEO4J_URI', () => import('./commands/graph.ts')],
  erase: ['remove one person everywhere, with a proof', () => import('./commands/erase.ts')],
  demo: [undefined, () => import('./commands/demo.ts')],
};

/** Together with the list of commands, it fits a screen. */
const ABOUT = 'The operator’s commands. Servers: DATABASE_URL, REDIS_URL, NEO4J_URI.';

const ENDING =
  `\nExample: contour doctor   Ends with ${EXIT.well} well, ${EXIT.wrong} wrong, ` +
  `${EXIT.usage} mistyped, ${EXIT.failed} failed.`;

/** Runs until it is stopped, and has no result. */
const WITHOUT_JSON = 'start';

const JSON_OPTION = ['--json', 'the result as JSON, for scripts'] as const;

/** What Commander's types leave out. */
interface Suggesting {
  /** Ends with the error, and suggests a similar option. */
  unknownOption(option: string): void;
}

const MISSING = ['commander.missingMandatoryOptionValue', 'commander.missingArgument'];

/** A command whose errors name everything that is missing, and no value of an option. */
class ContourCommand extends Command {
  override createCommand(name?: string): ContourCommand {
    return new ContourCommand(name);
  }

  override error(message: string, options: ErrorOptions = {}): never {
    const [, valued] = /^error: unknown option '(--[\w-]+)=/.exec(message) ?? [];
    // The value may be a credential. Without it the option resembles the one that was meant.
    if (valued !== undefined) this.#refuse(valued);
    if (!MISSING.includes(options.code ?? '')) super.error(message, options);
    // A mistyped option explains best why one is missing.
    const unknown = this.args.find((arg) => arg.startsWith('-'));
    if (unknown !== undefined) this.#refuse(unknown);
    super.error(`missing: ${this.#missing().join(', ')}`, options);
  }

  #refuse(option: string): void {
    (this as unknown as Suggesting).unknownOption(option);
  }

  /** The required arguments and options that were not given. */
  #missing(): string[] {
    const { registeredArguments, args, options } = this;
    const absent = options.filter(
      (option) => option.mandatory && this.getOptionValue(option.attributeName()) === undefined,
    );
    return [
      ...registeredArguments
        .slice(args.length)
        .flatMap((argument) => (argument.required ? `<${argument.name()}>` : [])),
      ...absent.map(({ flags }) => flags),
    ];
  }
}

/** The version of this command, and of the release that it belongs to. */
function readVersion(): string {
  const manifest = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(manifest) as { version: string }).version;
}

function showVersion(cli: Cli): never {
  const version = readVersion();
  cli.report({ version }, () => [version]);
  throw new CommanderError(EXIT.well, 'contour.version', version);
}

/** The typed command or group, if there is one. */
function typedName(args: readonly string[]): string | undefined {
  const name = args.find((arg) => !arg.startsWith('-')) ?? '';
  return Object.hasOwn(COMMANDS, name) ? name : undefined;
}

/** The program with the typed command, or with the names of all commands. */
export async function createProgram(cli: Cli, args: readonly string[]): Promise<Command> {
  const program = new ContourCommand('contour');
  program
    .description(ABOUT)
    .option(...JSON_OPTION)
    // In the same line, so that all commands fit a screen.
    .helpOption('-h, --help', 'this text; -V, --version shows the version')
    .addOption(new Option('-V, --version').hideHelp())
    .on('option:version', () => showVersion(cli))
    .helpCommand(false)
    .addHelpText('after', ENDING);
  const [, load] = COMMANDS[typedName(args) ?? ''] ?? [];
  if (load !== undefined) (await load()).add(program, cli);
  else {
    // Without their options: enough for the help and for suggestions.
    for (const [name, [summary]] of Object.entries(COMMANDS)) {
      program.command(name, { hidden: summary === undefined }).summary(summary ?? '');
    }
  }
  quiet(program, cli);
  return program;
}

/** Keeps Commander from exiting and from writing errors: `runContour` does both. */
function quiet(command: Command, cli: Cli): void {
  command.exitOverride();
  command.configureOutput({ writeOut: (text) => cli.say(text.trimEnd()), writeErr: () => {} });
  for (const child of command.commands) {
    child.helpOption('-h, --help', 'this text');
    if (child.name() !== WITHOUT_JSON) child.option(...JSON_OPTION);
    child.helpCommand(false);
    quiet(child, cli);
  }
}

/** Runs the typed command. Throws UsageError for an unknown one, and the errors of the command. */
async function parse(program: Command, args: readonly string[]): Promise<void> {
  if (args.includes('--json') && typedName(args) === WITHOUT_JSON) {
    throw new UsageError(`${WITHOUT_JSON} has no result for --json`);
  }
  try {
    await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return; // the help or the version was shown
    if (error.code === 'commander.help') {
      const group = ['contour', typedName(args) ?? []].flat().join(' ');
      throw new UsageError(`a command is missing: see ${group} --help`);
    }
    throw new UsageError(error.message.replace(/^error: /, '').replaceAll('\n', ' '));
  }
}

/** Runs a command, and returns the exit code; never throws. */
export async function runContour(
  streams: Pick<Cli, 'env' | 'stdin' | 'screen' | 'say'>,
  args: readonly string[],
): Promise<number> {
  let code: number = EXIT.well;
  // --json may stand before or behind the command.
  const isJson = () => args.includes('--json');
  const cli: Cli = {
    ...streams,
    complain: (line) => void streams.screen.write(`contour: ${line}\n`),
    isJson,
    report(result, lines) {
      if (isJson()) streams.say(JSON.stringify(result));
      else lines().forEach(streams.say);
    },
    endWithOne() {
      code = EXIT.wrong;
    },
  };
  try {
    await parse(await createProgram(cli, args), args);
    return code;
  } catch (error) {
    cli.complain(explain(error));
    return exitCodeOf(error);
  }
}
