import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, inject, it } from 'vitest';
import { startContour } from '../../support/contour.ts';
import { messageTo } from '../../support/messages.ts';
import { resolve } from '../../support/send.ts';
import { CREDENTIAL, operate, tellOfUnknownAccount } from '../../support/unknown-account.ts';

const PAGE = fileURLToPath(new URL('../../../docs/transcript.md', import.meta.url));

const HEAD = `# A session with contour

Made by \`npm run bench -- transcript\` from a running installation: what was typed, and what came back. The servers are
those of a test; addresses and ids differ each time.
`;

/** The command as typed: its input comes from a file. */
function typed(args: readonly string[], input?: string): string {
  const words = args.map((word) => (word.includes(' ') ? `"${word}"` : word));
  return `contour ${words.join(' ')}${input === undefined ? '' : ' < token.txt'}`;
}

it('writes docs/transcript.md', { timeout: 300_000 }, async () => {
  const contour = await startContour({ neo4jUri: inject('neo4j').uri });
  const page = [HEAD];
  const tell = (text: string) => void page.push(`${text}\n`);
  async function type(args: string[], input?: string) {
    const { stdout, stderr, code } = await operate(contour, args, input);
    const ending = code === 0 ? '' : `(ends with ${code})\n`;
    page.push(`\`\`\`\n$ ${typed(args, input)}\n${stdout}${stderr}${ending}\`\`\`\n`);
    return stdout;
  }
  try {
    tell('Is everything well?');
    await type(['doctor']);
    await tellOfUnknownAccount(contour, type, tell);
    tell('Some seconds of traffic:');
    const { telegram } = (await contour.addTenant()).accounts;
    let isOver = false;
    const tail = type(['tail', '--for', '4']).finally(() => {
      isOver = true;
    });
    while (!isOver) await resolve(contour.url, messageTo(telegram));
    await tail;
    tell('Does the data keep what is promised?');
    await type(['audit']);
    const text = page.join('\n').replaceAll(/\/\/[^\s@/]+@/g, '//');
    expect(text).not.toContain(CREDENTIAL);
    writeFileSync(PAGE, text);
  } finally {
    await contour.close();
  }
});
