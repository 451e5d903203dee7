import type { Cli } from './cli.ts';
import { EXIT, type ExitCode, exitCodeOf } from './exit-code.ts';
import { explain } from './explain.ts';
import { createProgram, parse } from './program.ts';

export type Streams = Pick<Cli, 'env' | 'stdin' | 'screen' | 'say'>;

/** Does what was typed, and returns what the process is to end with; never throws. */
export async function runContour(streams: Streams, args: readonly string[]): Promise<ExitCode> {
  let code: ExitCode = EXIT.well;
  // It may stand anywhere, before the command or behind it.
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
