import { readEnv } from '@contour/runtime';
import type { Pool } from '@contour/store';
import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { databaseEnv } from '../env.ts';
import { withDatabase } from '../with-database.ts';

/** What can be switched off and on. */
export interface Switchable {
  argument: readonly [name: string, description: string];
  example: string;
  /** Switches what was typed; says what that is, in a sentence and for a script, and whether it changed. */
  turn(
    pool: Pool,
    typed: string,
    isActive: boolean,
  ): Promise<{ what: string; body: object; changed: boolean }>;
}

const ABOUT = {
  disable: 'refuse its messages from the next one on; what was accepted is still delivered',
  enable: 'take its messages again',
} as const;

/** Adds `disable` and `enable` to a group. */
export function addSwitches(
  group: Command,
  cli: Cli,
  { argument: [name, description], example, turn }: Switchable,
): void {
  for (const verb of ['disable', 'enable'] as const) {
    group
      .command(verb)
      .argument(`<${name}>`, description)
      .description(ABOUT[verb])
      .addHelpText('after', `\nExample:\n  contour ${group.name()} ${verb} ${example}`)
      .action(async (typed: string) => {
        const { DATABASE_URL: url } = readEnv(databaseEnv, cli.env);
        const { what, body, changed } = await withDatabase(url, (pool) =>
          turn(pool, typed, verb === 'enable'),
        );
        cli.report({ ...body, changed }, () =>
          cli.say(`${what} ${changed ? 'is' : 'was already'} ${verb}d`),
        );
      });
  }
}
