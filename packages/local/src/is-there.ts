import { access } from 'node:fs/promises';

/** Whether a file or a folder of that name exists. */
export function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
