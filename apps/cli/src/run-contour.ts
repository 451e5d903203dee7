import type { Cli } from './cli.ts';
import { EXIT, type ExitCode, exitCodeOf, explain } from './exit-code.ts';
import { createProgram, parse } from './program.ts';

export type Streams = Pick<Cli, 'env' | 'stdin' | 'screen' | 'say'>;

/** Runs a command, and returns the exit code; never throws. */
export async function runContour(streams: Streams, args: readonly string[]): Promise<ExitCode> {
  let code: ExitCode = EXIT.well;
  // --json may stand before or behind the command.
  const isJson = () => args.includes('--json');
  const cli: Cli = {
    ...streams,
    complain: (line) => void streams.screen.write(`contour: ${line}\n`),
    isJson,
    report(result, print) {
      if (isJson()) streams.say(JSON.stringify(result));
      else print();
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
