import { Command, CommanderError } from 'commander';
import { type Cli, UsageError } from './cli.ts';
import { COMMANDS } from './command-table.ts';
import { EXIT } from './exit-code.ts';

/** With the commands below it, no longer than a screen. */
const ABOUT = 'What an operator types; its servers: DATABASE_URL, REDIS_URL, NEO4J_URI.';

const ENDING =
  `\nExample: contour doctor   Ends with ${EXIT.well} well, ${EXIT.wrong} wrong, ` +
  `${EXIT.usage} mistyped, ${EXIT.failed} failed.`;

/** It runs until it is stopped, and has no result. */
const WITHOUT_JSON = 'start';

const JSON_OPTION = ['--json', 'the result as JSON, for scripts'] as const;

/** The command or the group that was typed, where there is one. */
function typedName(args: readonly string[]): string | undefined {
  const name = args.find((arg) => !arg.startsWith('-')) ?? '';
  return Object.hasOwn(COMMANDS, name) ? name : undefined;
}

/** Names without what is behind them: enough for the help, and to find a likeness. */
function addOverview(program: Command): void {
  for (const [name, [summary]] of Object.entries(COMMANDS)) {
    program.command(name, { hidden: summary === undefined }).summary(summary ?? '');
  }
}

/** The program with the command that was typed; with the names of all of them where none was. */
export async function createProgram(cli: Cli, args: readonly string[]): Promise<Command> {
  const program = new Command('contour');
  program
    .description(ABOUT)
    .option(...JSON_OPTION)
    .helpOption('-h, --help', 'this text')
    .helpCommand(false)
    .showSuggestionAfterError(true)
    .addHelpText('after', ENDING);
  const [, load] = COMMANDS[typedName(args) ?? ''] ?? [];
  if (load === undefined) addOverview(program);
  else (await load())(program, cli);
  quiet(program, cli);
  return program;
}

/** Commander neither exits nor writes errors by itself: whoever runs the program does. */
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

/** Does what was typed. Throws UsageError where it is no command, and whatever the command throws. */
export async function parse(program: Command, args: readonly string[]): Promise<void> {
  if (args.includes('--json') && typedName(args) === WITHOUT_JSON) {
    throw new UsageError(`${WITHOUT_JSON} has no result that --json could show`);
  }
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
