import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { type Contour, startContour } from '../support/contour.ts';
import { CREDENTIAL, operate, tellOfUnknownAccount } from '../support/unknown-account.ts';

let contour: Contour;
beforeAll(async () => {
  contour = await startContour({ neo4jUri: inject('neo4j').uri });
});
afterAll(() => contour?.close());

async function type(args: string[], input?: string): Promise<string> {
  const { code, stdout, stderr } = await operate(contour, args, input);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).not.toContain(CREDENTIAL);
  return stdout;
}

test('when an unknown credential is registered, its parked message is delivered without a further step', async () => {
  const { id, parked, story, left } = await tellOfUnknownAccount(contour, type);
  expect(parked).toMatch(new RegExp(`unknown_tenant +telegram .* ${id}`));
  for (const part of [
    /parked +unknown_tenant/,
    /let in/,
    /resolved +new client, new dialog/,
    /delivered/,
    /\+\d/,
  ]) {
    expect(story).toMatch(part);
  }
  expect(left).toContain('Nothing is parked');
  expect(await contour.check({ accepted: [{ messageId: id, answer: null }] })).toEqual([]);
});
