import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { checkIncoming, fingerprintOf } from '@contour/contract';
import { describe, expect, it } from 'vitest';

interface Vectors {
  fingerprints: { credential: string | number; fingerprint: string }[];
  shards: { channel: string; external_chat_id: string | number; shards: number; shard: number }[];
  bodies: { message: unknown; body: unknown }[];
  refused: { path: string; message: unknown }[];
}

const VECTORS = join(import.meta.dirname, '../../clients/python/tests/vectors.json');
const vectors = JSON.parse(readFileSync(VECTORS, 'utf8')) as Vectors;

describe('the vectors of the Python producer', () => {
  it('are the fingerprints that Contour computes', () => {
    for (const { credential, fingerprint } of vectors.fingerprints) {
      expect(fingerprintOf(String(credential)), String(credential)).toBe(fingerprint);
    }
  });

  it('are the shards that Contour reads a chat from', () => {
    for (const { channel, external_chat_id: chat, shards, shard } of vectors.shards) {
      expect(crc32(`${channel}:${chat}`) % shards, `${channel}:${chat}`).toBe(shard);
    }
  });

  it('are bodies with the same message id as the ones with the credential', () => {
    const now = new Date();
    for (const { message, body } of vectors.bodies) {
      const [whole, sent] = [checkIncoming(message, now), checkIncoming(body, now)];
      if (!whole.ok || !sent.ok) throw new Error(JSON.stringify({ whole, sent }));
      expect(sent.message).toEqual({ ...whole.message, mask: null });
    }
  });

  it('refuse the messages that Contour refuses, with the same field', () => {
    for (const { path, message } of vectors.refused) {
      const checked = checkIncoming(message);
      const paths = checked.ok ? [] : checked.faults.map((fault) => fault.path);
      expect(paths, JSON.stringify(message)).toContain(path);
    }
  });
});
