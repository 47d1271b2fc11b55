/**
 * Signed notes: a text, an empty line, and signature lines, each naming its key (C2SP signed-note). A key is the pair of
 * name and key id; whether to trust it is the caller's affair, shown by the verifiers that he brings.
 */
import { sha256, verifyEd25519 } from '#platform';
import {
  concatBytes,
  parseBase64,
  parseHex,
  toBase64,
  toHex,
  utf8Bytes,
} from '../platform/bytes.ts';
import {
  parseCosignature,
  parseSubtreeCosignature,
  parseTreeHeadSignature,
  verifyCosignature,
} from './cosignature.ts';
import { MalformedError, SteleError } from '../errors.ts';
import { isPrimeOrderEd25519 } from '../platform/point.ts';

/** Kinds of keys that are told apart here, by the type byte of C2SP signed-note. Others may come, and are unknown. */
export const KEY_TYPES = {
  ed25519: 0x01,
  ecdsa: 0x02,
  cosignature: 0x04,
  treeHead: 0x05,
  subtree: 0x06,
} as const;

/** Longest note, in UTF-16 units, and most signature lines: as much as the other implementations take. */
export const NOTE_LENGTH_MAX = 1_000_000;
export const NOTE_SIGNATURES_MAX = 100;

/** A public key in the form that logs and witnesses publish. */
export interface Vkey {
  readonly name: string;
  /** 8 hexadecimal digits. */
  readonly id: string;
  /** The type byte, see {@link KEY_TYPES}. */
  readonly type: number;
  readonly publicKey: Uint8Array;
}

/** One signature line: who, by which key, and the signature without the key id. */
export interface NoteSignature {
  readonly name: string;
  readonly id: string;
  readonly signature: Uint8Array;
}

/** A note taken apart. Nothing is verified yet. */
export interface SignedNote {
  /** With its last line end. */
  readonly text: string;
  readonly signatures: readonly NoteSignature[];
}

/** What a key makes of a signature. `unsupported`: well-formed, but this version has no such algorithm. */
export type SignatureVerdict =
  | { readonly verdict: 'valid' | 'unsupported'; readonly timeMs: number | null }
  | { readonly verdict: 'invalid' };

/** A key that the caller knows. `verify` never throws and depends on nothing but its arguments. */
export interface NoteVerifier {
  readonly name: string;
  readonly id: string;
  readonly type: number;
  verify(text: string, signature: Uint8Array): SignatureVerdict;
}

/** A key that signs notes. The signer is trusted not to sign two histories: it keeps its last head (design 3.5). */
export interface NoteSigner {
  readonly name: string;
  readonly id: string;
  /** Text form of the public key, see {@link parseVkey}. */
  readonly vkey: string;
  /** @param text - With its last line end. */
  sign(text: string): Promise<NoteSignature>;
}

/** A signature line after the check. */
export interface CheckedSignature extends NoteSignature {
  /** Type byte of the key; null where the caller does not know the key. */
  readonly type: number | null;
  /** Epoch ms, where this kind of signature has a time and the key is known. */
  readonly timeMs: number | null;
}

/** A note with at least one signature of a key that the caller knows. */
export interface OpenedNote {
  readonly text: string;
  /** One for each key, its first: to count lines is to count keys. */
  readonly verified: readonly CheckedSignature[];
  /** Of other keys, or of an algorithm that this version lacks. They say nothing. */
  readonly unknown: readonly CheckedSignature[];
}

/**
 * Parses `<name>+<id>+<base64 of type and key>` (C2SP signed-note, Verifier keys), the id checked against name and key.
 * @throws {@link MalformedError} `malformed_vkey`.
 */
export function parseVkey(text: string): Vkey {
  const [, name = '', id = '', key = ''] = /^([^+]*)\+([0-9a-f]{8})\+(.*)$/s.exec(text) ?? [];
  if (!isKeyName(name)) throw new MalformedError('vkey has no key name and id', 'malformed_vkey');
  const [typeByte, publicKey] = splitKey(key);
  if (
    typeByte === undefined ||
    publicKey.length !== (KEY_BYTES.get(typeByte) ?? publicKey.length)
  ) {
    throw new MalformedError(`vkey of ${name} has a key of no known form`, 'malformed_vkey');
  }
  const computed = keyId(name, typeByte, publicKey);
  if (computed !== id) {
    throw new MalformedError(`vkey of ${name} has id ${id}, want ${computed}`, 'malformed_vkey');
  }
  return { name, id, type: typeByte, publicKey };
}

/** The text form of a public key. @throws {@link MalformedError} `malformed_vkey`, for a name that no note can carry. */
export function formatVkey(name: string, type: number, publicKey: Uint8Array): string {
  const key = concatBytes(new Uint8Array([type]), publicKey);
  const text = `${name}+${keyId(name, type, publicKey)}+${toBase64(key)}`;
  parseVkey(text);
  return text;
}

/**
 * The verifier of a key. Ed25519 in both forms is verified; of other types it says `unsupported`.
 * @throws {@link MalformedError} `weak_key` for an Ed25519 key that is not canonical or not of prime order: under such a
 *   key one signature can fit many texts.
 */
export function verifierOf({ name, id, type, publicKey }: Vkey): NoteVerifier {
  const isEd25519 = type === KEY_TYPES.ed25519 || type === KEY_TYPES.cosignature;
  if (isEd25519 && !isPrimeOrderEd25519(publicKey)) {
    throw new MalformedError(`key of ${name} is not of prime order`, 'weak_key');
  }
  const check = CHECKS.get(type) ?? unsupported;
  const verify = (text: string, signature: Uint8Array): SignatureVerdict => {
    try {
      return check(publicKey, text, signature);
    } catch (error) {
      if (error instanceof SteleError) return { verdict: 'invalid' };
      throw error;
    }
  };
  return { name, id, type, verify };
}

/**
 * Takes a note apart. Lines may be of any keys and any number up to {@link NOTE_SIGNATURES_MAX}.
 * @throws {@link MalformedError} `malformed_note`.
 */
export function parseSignedNote(note: string): SignedNote {
  // The text may have empty lines; signature lines cannot: the last one is the border.
  const border = note.lastIndexOf('\n\n');
  if (note.length > NOTE_LENGTH_MAX || border < 0 || !isNoteText(note)) {
    throw new MalformedError('note is not a text, an empty line and signatures', 'malformed_note');
  }
  const lines = note.slice(border + 2, -1).split('\n');
  if (lines.length > NOTE_SIGNATURES_MAX) {
    throw new MalformedError(`note has ${lines.length} signatures`, 'malformed_note');
  }
  return { text: note.slice(0, border + 1), signatures: lines.map(parseSignatureLine) };
}

/**
 * Puts a note together. @param text - With its last line end.
 * @throws {@link MalformedError} `malformed_note` for what would not come apart again as it went in.
 */
export function formatSignedNote(text: string, signatures: readonly NoteSignature[]): string {
  const lines = signatures.map(({ name, id, signature }) => {
    return `— ${name} ${toBase64(concatBytes(parseHex(id), signature))}\n`;
  });
  const note = `${text}\n${lines.join('')}`;
  if (parseSignedNote(note).text !== text) {
    throw new MalformedError('note text does not end with a line end', 'malformed_note');
  }
  return note;
}

/**
 * Checks every signature by a known key, and demands one (C2SP signed-note, Verifying).
 *
 * @param verifiers - The keys that the caller knows. Which of them must have signed is for him to ask of `verified`.
 * @throws {@link MalformedError} `note_bad_signature` when a known key's line does not verify, `note_unverified` when no
 *   line is of a known key, `ambiguous_key` when two verifiers have one name and id, and as {@link parseSignedNote}.
 */
export function openNote(note: string, verifiers: readonly NoteVerifier[]): OpenedNote {
  const known = new Map(verifiers.map((verifier) => [keyOf(verifier), verifier]));
  if (known.size < verifiers.length) {
    throw new MalformedError('two verifiers have one key name and id', 'ambiguous_key');
  }
  const { text, signatures } = parseSignedNote(note);
  const verified = new Map<string, CheckedSignature>();
  const unknown: CheckedSignature[] = [];
  for (const signature of signatures) {
    const key = keyOf(signature);
    const verifier = known.get(key);
    if (verifier === undefined) {
      unknown.push({ ...signature, type: null, timeMs: null });
      continue;
    }
    const result = verifier.verify(text, signature.signature);
    if (result.verdict === 'invalid') {
      const message = `signature of ${signature.name} (${signature.id}) does not verify`;
      throw new MalformedError(message, 'note_bad_signature');
    }
    const checked = { ...signature, type: verifier.type, timeMs: result.timeMs };
    if (result.verdict === 'unsupported') unknown.push(checked);
    else if (!verified.has(key)) verified.set(key, checked);
  }
  if (verified.size === 0) {
    throw new MalformedError('note has no signature of a known key', 'note_unverified');
  }
  return { text, verified: [...verified.values()], unknown };
}

/** Whether a text can stand in a note: well-formed, ended by a line end, no control characters below U+0020 but that. */
export function isNoteText(text: string): boolean {
  return text.endsWith('\n') && !/[\0-\t\v-\x1f\p{Surrogate}]/u.test(text);
}

type Check = (publicKey: Uint8Array, text: string, signature: Uint8Array) => SignatureVerdict;

const KEY_BYTES = new Map<number, number>([
  [KEY_TYPES.ed25519, 32],
  [KEY_TYPES.cosignature, 32],
  [KEY_TYPES.treeHead, 32],
  [KEY_TYPES.subtree, 1312],
]);

const CHECKS = new Map<number, Check>([
  [
    KEY_TYPES.ed25519,
    (publicKey, text, signature) =>
      verdictOf(verifyEd25519(publicKey, utf8Bytes(text), signature), null),
  ],
  [
    KEY_TYPES.cosignature,
    (publicKey, text, signature) => {
      const cosignature = parseCosignature(signature);
      return verdictOf(verifyCosignature(publicKey, text, cosignature), cosignature.timeMs);
    },
  ],
  [
    KEY_TYPES.treeHead,
    (_publicKey, _text, signature) => timedOnly(parseTreeHeadSignature(signature)),
  ],
  [
    KEY_TYPES.subtree,
    (_publicKey, _text, signature) => timedOnly(parseSubtreeCosignature(signature)),
  ],
]);

function verdictOf(isValid: boolean, timeMs: number | null): SignatureVerdict {
  return isValid ? { verdict: 'valid', timeMs } : { verdict: 'invalid' };
}

function timedOnly({ timeMs }: { timeMs: number }): SignatureVerdict {
  return { verdict: 'unsupported', timeMs };
}

function unsupported(): SignatureVerdict {
  return { verdict: 'unsupported', timeMs: null };
}

/** C2SP signed-note, Signature types: ECDSA alone has an id that does not cover the name. */
function keyId(name: string, type: number, publicKey: Uint8Array): string {
  const named = concatBytes(utf8Bytes(`${name}\n`), new Uint8Array([type]), publicKey);
  return toHex(sha256(type === KEY_TYPES.ecdsa ? publicKey : named).subarray(0, 4));
}

function keyOf({ name, id }: { name: string; id: string }): string {
  return `${name}+${id}`;
}

function isKeyName(name: string): boolean {
  return /^[^\p{White_Space}+]+$/u.test(name) && isNoteText(`${name}\n`);
}

function splitKey(base64: string): [number | undefined, Uint8Array] {
  const bytes = parseBase64(base64);
  return [bytes[0], bytes.subarray(1)];
}

function parseSignatureLine(line: string): NoteSignature {
  const [, name = '', base64 = ''] = /^— ([^ ]+) ([^ ]+)$/.exec(line) ?? [];
  const bytes = parseBase64(base64);
  if (!isKeyName(name) || bytes.length < 5) {
    throw new MalformedError('line of a note is not a signature', 'malformed_note');
  }
  return { name, id: toHex(bytes.subarray(0, 4)), signature: bytes.subarray(4) };
}
