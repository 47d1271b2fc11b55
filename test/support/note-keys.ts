/** Ed25519 keys for notes, made from a number, so that a failing test fails again. */
import { createPrivateKey, createPublicKey, sign } from 'node:crypto';
import { concatBytes, uint64, utf8Bytes } from '../../src/core/platform/bytes.ts';
import { cosignedBytes } from '../../src/core/tree/cosignature.ts';
import { KEY_TYPES, formatVkey, parseVkey } from '../../src/core/tree/signed-note.ts';
import type { NoteSignature, Vkey } from '../../src/core/tree/signed-note.ts';

const PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex');

/** A key of a log or, where `timeMs` is asked for, of a witness. */
export interface NoteKey extends Vkey {
  readonly vkey: string;
  sign(text: string, timeMs?: number): NoteSignature;
}

/** The key of a name and a number in 0..255. */
export function noteKey(name: string, number: number, type: 1 | 4 = KEY_TYPES.ed25519): NoteKey {
  const der = Buffer.concat([PKCS8, Buffer.alloc(32, number)]);
  const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  const spki = createPublicKey(key).export({ format: 'der', type: 'spki' });
  const vkey = formatVkey(name, type, new Uint8Array(spki.subarray(-32)));
  const parsed = parseVkey(vkey);
  const signBytes = (bytes: Uint8Array): Uint8Array => new Uint8Array(sign(null, bytes, key));
  return {
    ...parsed,
    vkey,
    sign: (text, timeMs = 0) => {
      const signature =
        type === KEY_TYPES.ed25519
          ? signBytes(utf8Bytes(text))
          : concatBytes(uint64(timeMs / 1000), signBytes(cosignedBytes(text, timeMs)));
      return { name, id: parsed.id, signature };
    },
  };
}
