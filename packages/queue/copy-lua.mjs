// A part of the build: TypeScript emits the code, this copies the Lua scripts beside it.
import { cpSync, statSync } from 'node:fs';
import { join } from 'node:path';

const isWanted = (path) => path.endsWith('.lua') || statSync(path).isDirectory();

cpSync(join(import.meta.dirname, 'src'), join(import.meta.dirname, 'dist'), {
  recursive: true,
  filter: isWanted,
});
