import { expect, test } from 'vitest';
import { readableLine } from '../src/start/readable-line.ts';

test('an event is its name and its fields', () => {
  const line = '{"level":"info","time":"t","name":"api","pid":1,"msg":"x.done","ms":3,"why":"a b"}';
  expect(readableLine('api', line)).toBe('api     │ x.done ms=3 why="a b"');
});

test('a level above info is shown, and an error is its message', () => {
  const line = '{"level":"error","msg":"x.failed","err":{"message":"no luck","stack":"…"}}';
  expect(readableLine('worker', line)).toBe('worker  │ error x.failed err="no luck"');
});

test('the payload for Core is shown in full', () => {
  const line = '{"msg":"core.console","message_id":"m","payload":{"text":"Hello"}}';
  expect(readableLine('worker', line)).toBe('core    │ would get {\n  "text": "Hello"\n}');
});

test.each(['plain text', '{not json'])('%s stays as it is', (line) => {
  expect(readableLine('api', line)).toBe(`api     │ ${line}`);
});
