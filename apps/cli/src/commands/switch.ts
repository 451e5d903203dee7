import type { Database } from '@contour/store/database';
import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { inDatabase } from '../servers.ts';

/** Something that can be disabled and enabled. */
export interface Switchable {
  argument: readonly [name: string, description: string];
  example: string;
  /** Switches what was typed. Returns a phrase for a reader, a body for a script, and whether it changed. */
  turn(
    pool: Database,
    typed: string,
    isActive: boolean,
  ): Promise<{ what: string; body: object; changed: boolean }>;
}

const ABOUT = {
  disable: 'refuse its next messages; accepted messages are still delivered',
  enable: 'accept its messages again',
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
        const { what, body, changed } = await inDatabase(cli.env, (pool) =>
          turn(pool, typed, verb === 'enable'),
        );
        const is = changed ? 'is' : 'was already';
        cli.report({ ...body, changed }, () => [`${what} ${is} ${verb}d`]);
      });
  }
}
