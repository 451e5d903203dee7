import { fileURLToPath } from 'node:url';

/** One place of one built module, written otherwise. */
export interface Rewrite {
  /** The built module, from the root of the repository. */
  file: string;
  find: string;
  replace: string;
}

const LOADER = fileURLToPath(new URL('./loader.mjs', import.meta.url));

/** The settings under which a built program runs with it. */
export function rewrittenBy({ file, find, replace }: Rewrite): Record<string, string> {
  return {
    NODE_OPTIONS: `--import=${LOADER}`,
    CONTOUR_REWRITE: JSON.stringify({ file, find, replace }),
  };
}
