import { expect, test } from 'vitest';
import { parseCommand, UsageError } from '../src/command.ts';

test.each(['start', 'migrate', 'demo', 'help', 'graph verify'])('%s is a command', (command) => {
  expect(parseCommand(command.split(' ')).name).toBe(command);
});

test('graph verify takes its options', () => {
  const command = parseCommand(['graph', 'verify', '--tenant', 'a', '--repair', '--tenant=b']);
  expect(command).toEqual({ name: 'graph verify', repair: true, tenants: ['a', 'b'] });
});

test.each([[['--help']], [['-h']], [['start', '--help']]])('%j asks for help', (args) => {
  expect(parseCommand(args).name).toBe('help');
});

test.each([
  [[], 'a command is missing'],
  [['stop'], 'there is no command "stop"'],
  [['toString'], 'there is no command "toString"'],
  [['migrate', 'twice'], 'migrate takes no arguments, but was given "twice"'],
  [['graph'], 'there is no command "graph"'],
  [['migrate', '--repair'], 'migrate has no option --repair'],
  [['start', '--fast'], "Unknown option '--fast'"],
])('%j is refused: %s', (args, message) => {
  expect(() => parseCommand(args)).toThrow(UsageError);
  expect(() => parseCommand(args)).toThrow(message);
});
