import { type DlqEntry, incomingMessage, messageOfPayload } from '@contour/contract';
import type { Queryable } from '../database/database.ts';
import { epochMs, isoTime, run } from '../database/statement.ts';

/** A row of `parked`, with the message of a dead one. */
export interface ParkedRow extends Omit<DlqEntry, 'v' | 'message' | 'raw'> {
  seq: string;
  version: string;
  /** With microseconds. */
  receivedText: string;
  wasRefused: boolean;
  channel: string | null;
  fingerprint: string | null;
  body: string | null;
  payload: string | null;
  contentHash: string | null;
  traceParent: string | null;
  writtenAtMs: number | null;
}

/** The columns of a ParkedRow, those of the entry in its order; `p` is the row of `parked`. */
export const PARKED_COLUMNS = `p.seq, p.version, p.received_at::text as "receivedText", p.was_refused as "wasRefused", p.channel, p.fingerprint, p.body,
  m.payload::text as payload, m.content_hash as "contentHash", m.trace_parent as "traceParent",
  ${epochMs('m.written_at')} as "writtenAtMs",
  p.id, p.reason, p.stage, p.tenant_id as "tenantId", p.client_id as "clientId", p.dialog_id as "dialogId",
  json_build_object('code', p.error_code, 'message', p.error_message) as error, p.attempts,
  ${isoTime('p.failed_at')} as "failedAt", ${isoTime('p.received_at')} as "receivedAt"`;

/** Joins the body of a dead message, which is in the ledger. */
export const PARKED_MESSAGE = `left join messages m
  on p.stage = 'deliver' and m.tenant_id = p.tenant_id and m.id = p.id`;

/** An entry, and the version in which it was read. */
export interface ParkedEntry {
  entry: DlqEntry;
  version: string;
  /** Whether the sender was told that the message was not accepted. */
  wasRefused: boolean;
}

/** Null for a body that cannot be read: it must not hide its entry, nor the others of the page. */
function messageOf(row: ParkedRow): DlqEntry['message'] {
  try {
    if (row.payload !== null) {
      return messageOfPayload(row.payload, {
        contentHash: row.contentHash ?? '',
        fingerprint: row.fingerprint ?? '',
        receivedAt: row.receivedAt,
        traceParent: row.traceParent ?? undefined,
        writtenAtMs: row.writtenAtMs,
      });
    }
    if (row.body === null || row.channel === null) return null;
    return incomingMessage.parse(JSON.parse(row.body));
  } catch {
    return null;
  }
}

export function parkedEntry(row: ParkedRow): ParkedEntry {
  const { seq, version, receivedText, wasRefused, channel, fingerprint, ...rest } = row;
  const { body, payload, contentHash, traceParent, writtenAtMs, ...entry } = rest;
  const raw = channel === null ? body : null;
  return { version, wasRefused, entry: { v: 1, ...entry, message: messageOf(row), raw } };
}

const PAGE_BYTES = 4 * 1024 * 1024;

/**
 * The rows that match, in this order. Reads bodies only of the rows of the page, which has at least one row, and no more
 * bytes than a page may have. The condition is about the row `p`.
 */
export const readPage = (
  db: Queryable,
  page: { condition: string; order: string; limit: number },
  values: unknown[],
): Promise<ParkedRow[]> =>
  run(
    db,
    `select ${PARKED_COLUMNS}
       from (select id, row_number() over in_order as place, sum(bytes) over in_order - bytes as bytes_before
               from (select p.id, p.bytes, p.seq, p.received_at from parked p
                      where ${page.condition} order by ${page.order} limit ${page.limit}) q
             window in_order as (order by ${page.order})) page
       join parked p using (id) ${PARKED_MESSAGE}
      where page.bytes_before < ${PAGE_BYTES}
      order by page.place`,
    values,
  );
