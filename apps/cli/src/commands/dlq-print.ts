import { type DlqEntry, dlqEntryBody } from '@contour/contract';
import type { Foresight, Selection } from '@contour/operations';
import type { Cli } from '../cli.ts';
import { paint, printable, printableLines, tableOf } from '../text.ts';

/** The columns that fit beside an id in 100 characters. --json and `show` have the rest. */
const HEADING = ['failed (UTC)', 'reason', 'channel', 'account', 'id', 'error'];
const NONE = '-';

function rowOf({ message, ...entry }: DlqEntry): string[] {
  return [
    entry.failedAt.slice(0, 16).replace('T', ' '),
    paint('yellow', entry.reason),
    message?.channel ?? NONE,
    // An entry from the ledger has no mask. The start of the fingerprint distinguishes accounts.
    printable(message?.mask ?? message?.fingerprint.slice(0, 8) ?? NONE),
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

const line = (name: string, value: string | number | null | undefined): string[] =>
  value === null || value === undefined
    ? []
    : [`${paint('dim', name.padEnd(10))}${printable(String(value))}`];

const block = (name: string, text: string | null): string[] =>
  text === null ? [] : [paint('dim', name), ...printableLines(text)];

function linesOfMessage(message: NonNullable<DlqEntry['message']>): string[] {
  const { clientName, clientPhone, clientUsername } = message;
  const sender = [clientName, clientPhone, clientUsername && `@${clientUsername}`].filter(Boolean);
  return [
    ...line('message', message.messageId),
    ...line('trace', message.traceId),
    ...line('channel', message.channel),
    ...line('account', [message.mask, message.fingerprint].filter(Boolean).join(', ')),
    ...line('chat', message.externalChatId),
    ...line('sender', sender.length === 0 ? null : sender.join(', ')),
    ...line('written', message.timestamp),
  ];
}

/** An entry for a reader: why it is here, whose it is, and its content. */
export function linesOfEntry(entry: DlqEntry): string[] {
  const { message } = entry;
  return [
    ...line('id', entry.id),
    ...line('reason', `${entry.reason}: ${entry.error.message}`),
    ...line('stage', entry.stage),
    ...(message === null ? [] : linesOfMessage(message)),
    ...line('tenant', entry.tenantId),
    ...line('client', entry.clientId),
    ...line('dialog', entry.dialogId),
    ...line('attempts', entry.attempts),
    ...line('received', entry.receivedAt),
    ...line('failed', entry.failedAt),
    ...block('text', message?.text ?? null),
    ...block('media', message?.media ?? null),
    ...block('as sent', entry.raw),
  ];
}

const REFUSALS = {
  unknown_tenant: 'no tenant has their credential',
  tenant_disabled: 'their tenant or its channel account is disabled',
  conflict: 'their message ids were accepted with another text or media',
  invalid: 'the database refuses them',
} as const;

/** A line for each result that would occur. */
export function linesOfForesight(foresight: Foresight): string[] {
  const { fresh, newClients, newDialogs, again, repeats, refused, unreadable } = foresight;
  const lines: Array<[number, string]> = [
    [fresh, `accepted, with ${newClients} new clients and ${newDialogs} new dialogs`],
    [again, 'sent to Core again'],
    [repeats, 'duplicates, accepted before: only their entries would be removed'],
    ...Object.entries(REFUSALS).map(([reason, why]): [number, string] => [
      refused[reason as keyof typeof REFUSALS],
      `refused again: ${why}`,
    ]),
    [unreadable, 'not sent: they cannot be read, and stay'],
  ];
  const width = String(foresight.matched).length;
  return [
    `${foresight.matched} match`,
    ...lines.flatMap(([n, what]) => (n === 0 ? [] : `  ${String(n).padStart(width)} ${what}`)),
  ];
}
