import { expect, test } from 'vitest';
import { emptyRow, showTable, type TailLine } from '../src/commands/tail-print.ts';

test('a table is redrawn in place, with the tenants seen before', () => {
  const written: string[] = [];
  const show = showTable({ rows: 24, write: (text) => written.push(text) });
  const line: TailLine = { ...emptyRow(), tenantId: 'a', tenant: 'Acme\u001b[2J', resolved: 7 };
  show(new Date(), [line]);
  show(new Date(), []);
  expect(written[0]).toMatch(/Acme\\u\{1b\}\[2J +0 +7 +0/);
  expect(written[1]?.startsWith('\u001b[4A')).toBe(true);
  expect(written[1]).toMatch(/Acme\S+ +0 +0 +0[\s\S]+since the start, 1 tenants +0 +7/);
});
