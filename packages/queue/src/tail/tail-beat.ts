/** Whoever wants to see what the processes do subscribes here; while nobody does, nothing is sent. */
export const TAIL_CHANNEL = 'contour:tail';

/** What can happen to a message, as it is counted. */
export type TailEvent =
  | 'accepted'
  | 'resolved'
  | 'replayed'
  | 'delivered'
  | 'failing'
  | 'dead'
  | `parked:${string}`;

/**
 * Whose message it was: a tenant's id; `<channel>:<fingerprint>` of an account where the tenant is
 * not known yet; empty where nothing is known.
 */
export type TailOwner = string;

/** What one process counted in a second. */
export interface TailBeat {
  v: 1;
  /** The process, new with each start. */
  id: string;
  process: 'api' | 'worker';
  counts: Array<[owner: TailOwner, event: TailEvent, count: number]>;
}

/** What does not read as a beat is somebody else's, or of a later version, and is left out. */
export function readBeat(text: string): TailBeat | undefined {
  try {
    const beat = JSON.parse(text) as TailBeat;
    return beat.v === 1 && Array.isArray(beat.counts) ? beat : undefined;
  } catch {
    return undefined;
  }
}
