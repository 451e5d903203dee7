import { expect, test } from 'vitest';
import { createConsoleCore } from '../src/create-core.ts';

test('the console gets one line of JSON per message, and the message counts as delivered', async () => {
  const lines: string[] = [];
  const core = createConsoleCore({ write: (line) => lines.push(line) });
  const body = '{"text":"two\\nlines"}';
  const result = await core.push({ tenantId: 't-1', messageId: 'm-1', traceId: 't-1', body });
  expect(result).toEqual({ outcome: 'delivered', ms: 0 });
  expect(core.available()).toBe(true);
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatch(/^[^\n]+\n$/);
  expect(JSON.parse(lines[0] ?? '')).toEqual({
    msg: 'core.console',
    message_id: 'm-1',
    trace_id: 't-1',
    payload: { text: 'two\nlines' },
  });
});
