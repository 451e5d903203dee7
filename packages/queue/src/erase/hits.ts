import type { FailFastRedis } from '../connection.ts';

export const PAGE = 500;

/** Whose is a text that was put into Redis? Of what is unclear nothing says it for sure. */
export type Judge = (text: string) => 'theirs' | 'unclear' | 'others';

/** How many were found, how many of them could be removed, and what is unclear. */
export interface Hits {
  found: number;
  removed: number;
  unclear: string[];
}

export const noHits = (): Hits => ({ found: 0, removed: 0, unclear: [] });

/** All keys that are there from the beginning to the end; one may come twice. */
export async function* keysLike(
  { client, ask }: FailFastRedis,
  pattern: string,
  type: string,
): AsyncGenerator<string[]> {
  let cursor = '0';
  do {
    const page = await ask(() =>
      client.scan(cursor, 'MATCH', pattern, 'COUNT', PAGE, 'TYPE', type),
    );
    cursor = page[0];
    yield page[1];
  } while (cursor !== '0');
}
