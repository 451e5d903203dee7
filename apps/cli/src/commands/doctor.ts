import { type AddCommand, endWithOne } from '../cli.ts';
import type { Check, State } from '../doctor/check.ts';
import { examine } from '../doctor/examine.ts';
import { paint } from '../table.ts';

const COLOURS = { ok: 'green', warn: 'yellow', FAIL: 'red' } as const;
const STATES = ['FAIL', 'warn', 'ok'] as const;

/** One line each, and what to do where something is to be done. */
function linesOf(checks: readonly Check[]): string[] {
  const width = Math.max(...checks.map(({ check }) => check.length));
  return checks.map(({ check, state, detail, advice }) => {
    const said = advice === null ? detail : `${detail} → ${advice}`;
    // A server's own words may have several lines.
    const line = said.replaceAll(/\s*\n\s*/g, ' ');
    return `${paint(COLOURS[state], state.padEnd(4))}  ${check.padEnd(width)}  ${line}`;
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
    .summary('check every setting, server and version')
    .description('check every setting, server and version, and say what to do')
    .addHelpText('after', NOTE)
    .action(async () => {
      const checks = await examine(cli.env);
      cli.report(checks, () => {
        for (const line of linesOf(checks)) cli.say(line);
        cli.say(summaryOf(checks));
      });
      if (checks.some(({ state }) => state === 'FAIL')) endWithOne();
    });
};
