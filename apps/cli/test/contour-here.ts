import { Readable, Writable } from 'node:stream';
import type { Ran } from '../../../test/support/run-contour.ts';
import { runContour } from '../src/program.ts';

/** Does in this process what the built command does in one of its own, which takes a second of work to start. */
export async function contourHere(
  args: readonly string[],
  env: Record<string, string> = {},
  input: string | Buffer = '',
): Promise<Ran> {
  const ran = { stdout: '', stderr: '' };
  const screen = new Writable({
    decodeStrings: false,
    write(text: string, _encoding, done) {
      ran.stderr += text;
      done();
    },
  });
  const streams = {
    env,
    stdin: Readable.from([Buffer.from(input)]) as NodeJS.ReadStream,
    screen: screen as NodeJS.WriteStream,
    say(line: string) {
      ran.stdout += `${line}\n`;
    },
  };
  const code = await runContour(streams, args);
  return { code, ...ran };
}
