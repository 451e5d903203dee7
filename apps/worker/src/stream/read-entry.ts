import { checkIncoming, type Fault, type IncomingMessage, parseBody } from '@contour/contract';
import { MAX_ENTRY_BYTES, type StreamEntry, TooLong } from '@contour/queue';

export type EntryReading =
  | { ok: true; message: IncomingMessage }
  /** `data` is as much of it as could be read. */
  | { ok: false; data: unknown; faults: Fault[] };

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

const unreadable = (data: unknown, path: string, message: string): EntryReading => ({
  ok: false,
  data,
  faults: [{ path, message }],
});

function decoded(bytes: Buffer): string | undefined {
  try {
    return utf8.decode(bytes);
  } catch {
    return undefined;
  }
}

function parsed(text: string): { json: unknown } | undefined {
  try {
    return { json: parseBody(text) };
  } catch {
    return undefined;
  }
}

/** Reads what somebody put into a stream; says what is wrong with it where that cannot be done. */
export function readEntry({ message: bytes, addedAt }: StreamEntry): EntryReading {
  if (bytes === undefined) {
    return unreadable(
      {},
      'message',
      'is required: the field of the entry that holds the JSON body',
    );
  }
  if (bytes instanceof TooLong) {
    return unreadable(
      bytes,
      '',
      `must be at most ${MAX_ENTRY_BYTES} bytes, and has ${bytes.length}`,
    );
  }
  const text = decoded(bytes);
  if (text === undefined) return unreadable(bytes.toString(), '', 'must be UTF-8');
  const body = parsed(text);
  if (body === undefined) return unreadable(text, '', 'must be JSON');
  const checked = checkIncoming(body.json, addedAt);
  return checked.ok ? checked : { ok: false, data: body.json, faults: checked.faults };
}
