import { expect, test } from 'vitest';
import { COMMANDS, createProgram } from '../src/program.ts';
import { contourHere } from './contour-here.ts';

type Program = Awaited<ReturnType<typeof createProgram>>;

function* family(command: Program, parents: string[] = []): Generator<string[]> {
  const path = [...parents, command.name()];
  yield path;
  for (const child of command.commands) yield* family(child, path);
}

/** All commands, with the commands of each group. */
async function everything(): Promise<string[]> {
  const typed = [''];
  for (const name of Object.keys(COMMANDS)) {
    const [, ...loaded] = family(await createProgram({} as never, [name]));
    typed.push(...loaded.map(([, ...path]) => path.join(' ')));
  }
  return typed;
}

test.each(await everything())(
  'the help of contour %s fits a screen, with an example',
  async (typed) => {
    const { code, stdout, stderr } = await contourHere([
      ...typed.split(' ').filter(Boolean),
      '--help',
    ]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const lines = stdout.trimEnd().split('\n');
    expect(lines.length).toBeLessThanOrEqual(24);
    expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(80);
    expect(stdout.slice(stdout.indexOf('\nExample:'))).toMatch(
      new RegExp(`^\nExample:\\s.*${`contour ${typed}`.trim()}`),
    );
  },
);

test('the help lists the commands in their order, without demo', async () => {
  const { stdout } = await contourHere(['--help']);
  expect(stdout).toMatch(/\n {2}start [\s\S]+\n {2}migrate [\s\S]+\n {2}erase /);
  expect(stdout).toMatch(/Ends with 0 well, 1 wrong, 2 mistyped, 3 failed\.\n$/);
  expect(stdout).not.toContain('demo');
  expect((await contourHere(['start', '--help'])).stdout).not.toContain('--json');
});
