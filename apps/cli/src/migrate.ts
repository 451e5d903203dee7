import { migrate } from '@contour/store';
import { withDatabase } from './with-database.ts';

/** Applies what is missing and says what that was. */
export async function migrateDatabase(url: string, say: (line: string) => void): Promise<void> {
  const applied = await withDatabase(url, (pool) =>
    migrate(pool, { onApply: (name) => say(`applying ${name}`) }),
  );
  say(applied.length === 0 ? 'nothing to do' : `applied ${applied.length}`);
}
