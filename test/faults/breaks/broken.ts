import { fileURLToPath } from 'node:url';

/** A deliberate defect of the product: one place of one built module, written otherwise. */
export interface Break {
  /** The number of the guarantee that it takes away. */
  guarantee: number;
  /** What it does, as a sentence about the product. */
  effect: string;
  /** The built module, from the root of the repository. */
  file: string;
  find: string;
  replace: string;
}

const LOADER = fileURLToPath(new URL('./break-module.mjs', import.meta.url));

/** The settings under which a built program runs with the defect. */
export function brokenBy({ file, find, replace }: Break): Record<string, string> {
  return {
    NODE_OPTIONS: `--import=${LOADER}`,
    CONTOUR_BREAK: JSON.stringify({ file, find, replace }),
  };
}
