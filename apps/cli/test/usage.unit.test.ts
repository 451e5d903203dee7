import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { contourHere } from './contour-here.ts';

const manifest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

test.each([
  [['migrate'], 'contour: DATABASE_URL  is required\n'],
  [['start', '--json'], 'contour: start has no result for --json\n'],
  [['migrate', 'twice'], 'contour: too many arguments'],
  [['migrate', '--fast'], "contour: unknown option '--fast'"],
  [['docter'], "contour: unknown command 'docter' (Did you mean doctor?)\n"],
  [['dlq', 'lst'], "contour: unknown command 'lst' (Did you mean list?)\n"],
  [
    ['dlq', 'list', '--resaon', 'x'],
    "contour: unknown option '--resaon' (Did you mean --reason?)\n",
  ],
  [['dlq', 'list', '--resaon=x'], "contour: unknown option '--resaon' (Did you mean --reason?)\n"],
  [['--jsno', 'doctor'], "contour: unknown option '--jsno' (Did you mean --json?)\n"],
  [['load'], 'contour: missing: --url <url>, --rate <n>, --count <n>\n'],
  [['load', '--rate', '1'], 'contour: missing: --url <url>, --count <n>\n'],
  [['load', '--ulr', 'x'], "contour: unknown option '--ulr' (Did you mean --url?)\n"],
  [['erase', '--yes'], 'contour: missing: --tenant <tenant>, --client <id>\n'],
  [['tenant', 'add'], 'contour: missing: <name>, --domain <n>\n'],
  [['channel', 'add', 'A shop'], 'contour: missing: <channel>\n'],
  [['dlq', 'show', '--json'], 'contour: missing: <id>\n'],
  [[], 'contour: a command is missing: see contour --help\n'],
  [['graph'], 'contour: a command is missing: see contour graph --help\n'],
  [['--json', 'dlq'], 'contour: a command is missing: see contour dlq --help\n'],
])('%j ends with 2 and gives the reason', async (args, said) => {
  const { code, stderr, stdout } = await contourHere(args);
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr.slice(0, said.length)).toBe(said);
});

test('the version is shown, as JSON with --json', async () => {
  const { version } = manifest;
  const shown = { code: 0, stdout: `${version}\n`, stderr: '' };
  expect(await contourHere(['--version'])).toEqual(shown);
  expect(await contourHere(['-V'])).toEqual(shown);
  const inJson = { ...shown, stdout: `${JSON.stringify({ version })}\n` };
  expect(await contourHere(['--version', '--json'])).toEqual(inJson);
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
