import { fileURLToPath } from 'node:url';

/** A replacement in one built module. */
export interface Rewrite {
  /** The built module, from the root of the repository. */
  file: string;
  find: string;
  replace: string;
}

const LOADER = fileURLToPath(new URL('./loader.mjs', import.meta.url));

/** The environment that makes a built program run with it. */
export function rewrittenBy({ file, find, replace }: Rewrite): Record<string, string> {
  return {
    NODE_OPTIONS: `--import=${LOADER}`,
    CONTOUR_REWRITE: JSON.stringify({ file, find, replace }),
  };
}
