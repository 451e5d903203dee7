import { type DlqEntry, dlqEntryBody } from '@contour/contract';
import type { Foresight, Selection } from '@contour/operations';
import type { Cli } from '../cli.ts';
import { field, paint, printable, printableLines, shortPrint, tableOf } from '../text.ts';

/** The columns that fit beside an id in 104 characters. --json and `show` have the rest. */
const HEADING = ['failed (UTC)', 'reason', 'channel', 'fingerprint', 'id', 'error'];
const NONE = '-';

function rowOf({ message, ...entry }: DlqEntry): string[] {
  return [
    entry.failedAt.slice(0, 16).replace('T', ' '),
    paint('yellow', entry.reason),
    message?.channel ?? NONE,
    // The mask of a short credential says nothing, and an entry from the ledger has none.
    shortPrint(message?.fingerprint ?? '') || NONE,
    entry.id,
    // Often the code is the reason.
    entry.error.code === entry.reason ? '' : printable(entry.error.code),
  ];
}

/** One object over many lines, one for each entry, so that 100 000 entries need not be in memory. */
async function writeJson({ pages, count }: Selection, cli: Cli): Promise<void> {
  cli.say(`{"count":${count},"items":[`);
  let before = '';
  for await (const entries of pages) {
    for (const entry of entries) {
      cli.say(before + dlqEntryBody(entry));
      before = ',';
    }
  }
  cli.say(']}');
}

/** Shows entries page by page. */
export async function printEntries(selection: Selection, cli: Cli): Promise<void> {
  if (cli.isJson()) return writeJson(selection, cli);
  let shown = 0;
  for await (const entries of selection.pages) {
    const [heading = '', ...lines] = tableOf(HEADING, entries.map(rowOf));
    for (const line of shown === 0 ? [heading, ...lines] : lines) cli.say(line);
    shown += entries.length;
  }
  const { count } = selection;
  if (shown === 0) cli.say('Nothing is parked that matches.');
  else if (count > shown) cli.say(`${shown} of ${count}; --limit or --all shows more.`);
}

const block = (name: string, text: string | null): string[] =>
  text === null ? [] : [paint('dim', name), ...printableLines(text)];

function linesOfMessage(message: NonNullable<DlqEntry['message']>): string[] {
  const { clientName, clientPhone, clientUsername } = message;
  const sender = [clientName, clientPhone, clientUsername && `@${clientUsername}`].filter(Boolean);
  return [
    ...field('message   ', message.messageId),
    ...field('trace     ', message.traceId),
    ...field('channel   ', message.channel),
    ...field('account   ', message.mask, message.fingerprint),
    ...field('chat      ', message.externalChatId),
    ...field('sender    ', ...sender),
    ...field('written   ', message.timestamp),
  ];
}

/** An entry for a reader: why it is here, whose it is, and its content. */
export function linesOfEntry(entry: DlqEntry): string[] {
  const { message } = entry;
  return [
    ...field('id        ', entry.id),
    ...field('reason    ', `${entry.reason}: ${entry.error.message}`),
    ...field('stage     ', entry.stage),
    ...(message === null ? [] : linesOfMessage(message)),
    ...field('tenant    ', entry.tenantId),
    ...field('client    ', entry.clientId),
    ...field('dialog    ', entry.dialogId),
    ...field('attempts  ', entry.attempts),
    ...field('received  ', entry.receivedAt),
    ...field('failed    ', entry.failedAt),
    ...block('text', message?.text ?? null),
    ...block('media', message?.media ?? null),
    ...block('as sent', entry.raw),
  ];
}

/** A line for each result that would occur. */
export function linesOfForesight(foresight: Foresight): string[] {
  const { fresh, newClients, newDialogs, again, repeats, refused, unreadable } = foresight;
  const lines: Array<[number, string]> = [
    [fresh, `accepted, with ${newClients} new clients and ${newDialogs} new dialogs`],
    [again, 'sent to Core again'],
    [repeats, 'duplicates, accepted before: only their entries would be removed'],
    [refused.unknown_tenant, 'refused again: no tenant has their credential'],
    [refused.tenant_disabled, 'refused again: their tenant or its channel account is disabled'],
    [refused.conflict, 'refused again: their message ids were accepted with another text or media'],
    [refused.invalid, 'refused again: the database refuses them'],
    [unreadable, 'not sent: they cannot be read, and stay'],
  ];
  const width = String(foresight.matched).length;
  return [
    `${foresight.matched} match`,
    ...lines.flatMap(([n, what]) => (n === 0 ? [] : `  ${String(n).padStart(width)} ${what}`)),
  ];
}
