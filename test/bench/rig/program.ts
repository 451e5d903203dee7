import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** A small program of the bench in a process of its own. */
export interface Program {
  pid: number;
  /** Where it listens, if it does. */
  url: string;
  ask<Answer>(question: string): Promise<Answer>;
  stop(): Promise<void>;
}

/** `name` is its file in `test/bench`, without the ending: `ceilings/transport`. */
export async function startProgram(name: string, settings: object = {}): Promise<Program> {
  const file = fileURLToPath(new URL(`../${name}.mjs`, import.meta.url));
  const child = fork(file, [], {
    env: { PATH: process.env.PATH ?? '', CONTOUR_BENCH: JSON.stringify(settings) },
    execArgv: [],
  });
  const ended = new Promise<never>((_, reject) => {
    child.once('exit', (code, signal) => reject(new Error(`${name} ended with ${code ?? signal}`)));
  });
  ended.catch(() => undefined);
  const next = <Message>() =>
    Promise.race([
      new Promise<Message>((resolve) => {
        child.once('message', (message) => resolve(message as Message));
      }),
      ended,
    ]);
  const { port } = await next<{ port: number | null }>();
  return {
    pid: child.pid ?? 0,
    url: `http://127.0.0.1:${port}`,
    async ask<Answer>(question: string) {
      const answered = next<{ answer: Answer }>();
      child.send(question);
      return (await answered).answer;
    },
    async stop() {
      child.kill('SIGTERM');
      await ended.catch(() => undefined);
    },
  };
}
