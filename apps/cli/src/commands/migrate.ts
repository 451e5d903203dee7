import type { Database } from '@contour/store/database';
import { migrate, pendingMigrations } from '@contour/store/migrations';
import type { AddCommand } from '../cli.ts';
import { inDatabase } from '../servers.ts';

/** Some migrations take long, and none may be cut off halfway. */
const PATIENCE = { statementTimeoutMs: 24 * 60 * 60 * 1000 };

export const add: AddCommand = (program, cli) => {
  program
    .command('migrate')
    .description('bring the schema of DATABASE_URL up to date')
    .option('--plan', 'only show what would be applied')
    .addHelpText('after', '\nExample:\n  contour migrate --plan')
    .action(async ({ plan }: { plan?: boolean }) => {
      const onApply = (name: string) => cli.complain(`applying ${name}`);
      const work = (pool: Database) =>
        plan ? pendingMigrations(pool) : migrate(pool, { onApply });
      const names = await inDatabase(cli.env, work, PATIENCE);
      cli.report(plan ? { pending: names } : { applied: names }, () => {
        if (names.length === 0) return ['nothing to do'];
        return names.map((name) => `${plan ? 'would apply' : 'applied'} ${name}`);
      });
    });
};
