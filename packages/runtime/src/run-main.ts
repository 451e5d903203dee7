import { EnvError } from './env.ts';
import { createLogger } from './logger.ts';

export interface ProcessEnds {
  writeError: (text: string) => void;
  exit: (code: number) => void;
  fail: (error: unknown) => void;
}

/** Runs an app's main. If it fails, the process logs the reason once and exits with 1. */
export async function runMain(
  name: string,
  main: () => Promise<void>,
  ends: ProcessEnds = processEnds(name),
): Promise<void> {
  try {
    await main();
  } catch (error) {
    // The operator made this mistake and reads the text: no stack, no JSON.
    if (error instanceof EnvError) ends.writeError(`${name} cannot start:\n${error.message}\n`);
    else ends.fail(error);
    ends.exit(1);
  }
}

/** The app's own logger may not exist yet when its start fails. */
function processEnds(name: string): ProcessEnds {
  return {
    writeError: (text) => void process.stderr.write(text),
    fail: (err) => createLogger({ level: 'info', name }).fatal({ err }, 'process.start_failed'),
    exit: (code) => process.exit(code),
  };
}
