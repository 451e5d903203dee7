import { expect, test } from 'vitest';
import { parseCommand, UsageError } from '../src/command.ts';

test.each(['start', 'migrate', 'demo', 'help'])('%s is a command', (command) => {
  expect(parseCommand([command])).toBe(command);
});

test.each([[['--help']], [['-h']], [['start', '--help']]])('%j asks for help', (args) => {
  expect(parseCommand(args)).toBe('help');
});

test.each([
  [[], 'a command is missing'],
  [['stop'], 'there is no command "stop"'],
  [['toString'], 'there is no command "toString"'],
  [['migrate', 'twice'], '"twice" is too much'],
  [['start', '--fast'], "Unknown option '--fast'"],
])('%j is refused: %s', (args, message) => {
  expect(() => parseCommand(args)).toThrow(UsageError);
  expect(() => parseCommand(args)).toThrow(message);
});
