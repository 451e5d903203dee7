import { afterAll } from 'vitest';
import { endAll } from './processes.ts';

// Runs after every test file, although the files of a worker share their modules.
afterAll(() => {
  const leaked = endAll();
  if (leaked.length > 0) throw new Error(`left running: ${leaked.join(', ')}`);
});
