import { readFile } from 'node:fs/promises';
import { createInterface, type ReadLineOptions } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { CREDENTIAL_PATTERN } from '@contour/contract';
import { type Cli, UsageError } from './cli.ts';

const MAX_BYTES = 64 * 1024;

/** Where a credential comes from. Never an argument: the shell's history and `ps` show those. */
export interface CredentialSource {
  file?: string;
  stdin?: boolean;
}

/** Reads a credential from a file, a pipe, or a prompt that does not show it. */
export async function readCredential(cli: Cli, source: CredentialSource): Promise<string> {
  if (source.file !== undefined && source.stdin) {
    throw new UsageError('the credential comes from --file or from --stdin, not from both');
  }
  const isTyped = source.file === undefined && !source.stdin && cli.stdin.isTTY;
  const given = isTyped ? await prompt(cli) : decode(await readBytes(cli, source.file));
  const text = given.replace(/[\r\n]+$/, '');
  if (CREDENTIAL_PATTERN.test(text) && !text.includes('\0')) return text;
  // The text is not repeated, because most of it may be the credential.
  throw new UsageError(
    text === ''
      ? 'no credential was given: pipe it in, name a --file, or type it at the prompt'
      : 'a credential is 1 to 256 characters without white space',
  );
}

async function readBytes({ stdin }: Cli, file: string | undefined): Promise<Buffer> {
  if (file !== undefined) {
    return readFile(file).catch((error: NodeJS.ErrnoException) => {
      throw new UsageError(`cannot read the credential from ${file}: ${error.code}`);
    });
  }
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stdin) {
    chunks.push(Buffer.from(chunk));
    size += chunk.length;
    if (size > MAX_BYTES) break;
  }
  return Buffer.concat(chunks);
}

// Otherwise an invalid byte would become a replacement character, and the credential another one.
function decode(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new UsageError('the credential is not UTF-8 text');
  }
}

async function prompt({ stdin, screen }: Cli): Promise<string> {
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const hidden = { input: stdin, output: nowhere, terminal: true, historySize: 0 };
  // Before readline has the terminal, the terminal itself would show what is typed.
  const line = await askFor('', hidden, () => screen.write('Credential (not shown): '));
  screen.write('\n');
  return line ?? '';
}

/** Asks for a line on a terminal. Undefined after Ctrl-C and Ctrl-D. `onReady` is called once input is read. */
export async function askFor(
  question: string,
  options: ReadLineOptions,
  onReady: () => void = () => {},
): Promise<string | undefined> {
  const lines = createInterface(options);
  onReady();
  const left = new AbortController();
  lines.on('SIGINT', () => left.abort());
  lines.on('close', () => left.abort());
  try {
    return await lines.question(question, { signal: left.signal });
  } catch {
    return undefined;
  } finally {
    lines.close();
  }
}
