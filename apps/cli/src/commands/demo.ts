import { readEnv } from '@contour/runtime';
import type { AddCommand } from '../cli.ts';
import { makeDemo } from '../demo.ts';
import { databaseEnv } from '../env.ts';
import { withDatabase } from '../with-database.ts';

export const addDemo: AddCommand = (program, cli) => {
  program
    .command('demo', { hidden: true })
    .description('make the demo tenant in DATABASE_URL, with an account for each channel')
    .addHelpText('after', '\nExample:\n  contour demo')
    .action(async () => {
      const { DATABASE_URL: url } = readEnv(databaseEnv, cli.env);
      const credentials = await withDatabase(url, makeDemo);
      cli.report({ credentials }, () => cli.say(`demo tenant: ${credentials.join(', ')}`));
    });
};
