import type { Command } from 'commander';
import { expect, test } from 'vitest';
import { createProgram } from '../src/program.ts';

function* family(command: Command, parents = ''): Generator<[string, Command]> {
  const name = `${parents}${command.name()}`;
  yield [name, command];
  for (const child of command.commands) yield* family(child, `${name} `);
}

const { env, stdin, stderr: screen } = process;
const program = await createProgram({ env, stdin, screen, say: () => {} }, ['--help']);

test.each([...family(program)])(
  'the help of %s fits a screen, with an example',
  (name, command) => {
    let help = '';
    command.configureOutput({
      writeOut: (text) => {
        help += text;
      },
      getOutHelpWidth: () => 80,
      getOutHasColors: () => false,
    });
    command.outputHelp();
    const lines = help.trimEnd().split('\n');
    expect(lines.length).toBeLessThanOrEqual(24);
    expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(80);
    expect(help.slice(help.indexOf('\nExample:'))).toMatch(new RegExp(`^\nExample:\\s.*${name}`));
  },
);

test('the help tells the commands in their order, without the one for a trial', () => {
  const help = program.helpInformation();
  expect(help).toMatch(/\n {2}start [\s\S]+\n {2}migrate [\s\S]+\n {2}erase /);
  expect(help).not.toContain('demo');
});
