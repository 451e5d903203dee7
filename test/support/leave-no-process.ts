import { afterAll } from 'vitest';
import { endAll } from './processes.ts';

// Of every test file, though the files of a worker share their modules.
afterAll(() => {
  const leaked = endAll();
  if (leaked.length > 0) throw new Error(`left running: ${leaked.join(', ')}`);
});
