import type { AddCommand } from '../cli.ts';
import type { Check, State } from '../doctor/check.ts';
import { examine } from '../doctor/examine.ts';
import { paint } from '../table.ts';
import { wrap } from '../wrap.ts';

const COLOURS = { ok: 'green', warn: 'yellow', FAIL: 'red' } as const;
const COLUMNS = 100;
const STATES = ['FAIL', 'warn', 'ok'] as const;

/** What was found and what to do about it, in one line where it fits, else the advice below. */
function saidOf({ detail, advice }: Check, columns: number): string[] {
  // A server's own words may have several lines.
  const found = detail.replaceAll(/\s+/g, ' ');
  if (advice === null) return wrap(found, columns);
  const whole = `${found} → ${advice}`;
  return whole.length <= columns
    ? [whole]
    : [...wrap(found, columns), ...wrap(`→ ${advice}`, columns)];
}

function linesOf(checks: readonly Check[]): string[] {
  const width = Math.max(...checks.map(({ check }) => check.length));
  const indent = ' '.repeat('FAIL'.length + 2 + width + 2);
  return checks.flatMap((one) => {
    const [first = '', ...others] = saidOf(one, COLUMNS - indent.length);
    const state = paint(COLOURS[one.state], one.state.padEnd(4));
    return [
      `${state}  ${one.check.padEnd(width)}  ${first}`,
      ...others.map((line) => indent + line),
    ];
  });
}

function summaryOf(checks: readonly Check[]): string {
  const count = (wanted: State) => checks.filter(({ state }) => state === wanted).length;
  return STATES.map((state) => `${count(state)} ${state}`).join(', ');
}

const NOTE = `
Run it with the environment of the API and the worker. It changes nothing; it
shows no password, key or credential; a server that is away is said to be so.
FAIL: it does not work like this (ends with 1). warn: have a look.

Example:
  contour doctor`;

export const addDoctor: AddCommand = (program, cli) => {
  program
    .command('doctor')
    .description('check every setting, server and version, and say what to do')
    .addHelpText('after', NOTE)
    .action(async () => {
      const checks = await examine(cli.env);
      cli.report(checks, () => {
        for (const line of linesOf(checks)) cli.say(line);
        cli.say(summaryOf(checks));
      });
      if (checks.some(({ state }) => state === 'FAIL')) cli.endWithOne();
    });
};
