import { expect, test } from 'vitest';
import { contourHere } from './contour-here.ts';

test.each([
  [['migrate'], 'contour: DATABASE_URL  is required\n'],
  [['start', '--json'], 'contour: start has no result for --json\n'],
  [['migrate', 'twice'], 'contour: too many arguments'],
  [['migrate', '--fast'], "contour: unknown option '--fast'"],
  [[], 'contour: a command is missing: see contour --help\n'],
  [['graph'], 'contour: a command is missing: see contour graph --help\n'],
  [['--json', 'dlq'], 'contour: a command is missing: see contour dlq --help\n'],
])('%j ends with 2 and gives the reason', async (args, said) => {
  const { code, stderr, stdout } = await contourHere(args);
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr.slice(0, said.length)).toBe(said);
});

test('missing settings are listed', async () => {
  const { code, stderr } = await contourHere(['graph', 'verify']);
  expect(code).toBe(2);
  expect(stderr).toBe('contour: DATABASE_URL  is required\ncontour: NEO4J_URI     is required\n');
});

test('tail refuses a wrong time', async () => {
  const wrong = await contourHere(['tail', '--for', 'ever']);
  expect(wrong).toMatchObject({ code: 2, stdout: '' });
  expect(wrong.stderr).toMatch(/^contour: --for must be a whole number of seconds/);
});
