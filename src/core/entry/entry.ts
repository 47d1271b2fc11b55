/**
 * The entry: one leaf of the log, a compact JWS whose payload is an SD-JWT. `wtr` sorts last among the payload's
 * members, so a payload is a finished prefix plus the writer's position: whoever decides makes the prefix, and only
 * the position, the signature and the journal are serial.
 */
import { utf8Bytes, utf8Text } from '../platform/bytes.ts';
import { parseEntryPayload } from './check.ts';
import { isKnownKind } from './payload.ts';
import type { EntryPayload, WriterPosition } from './payload.ts';
import { MalformedError } from '../errors.ts';
import { jwsSigningInput, parseJws } from '../json/jws.ts';
import type { JwsAlgorithm, JwsHeader } from '../json/jws.ts';
import type { JsonObject } from '../json/strict-json.ts';

export { sealJws } from '../json/jws.ts';
export { parseEntryPayload } from './check.ts';
export { ENTRY_KINDS, entryPrefix, isKnownKind } from './payload.ts';
export type {
  EntryKind,
  EntryPayload,
  EntryRetention,
  PolicyOutcome,
  WriterPosition,
} from './payload.ts';

/** The `typ` of an entry's protected header. */
export const ENTRY_TYP = 'stele-entry+sd-jwt';
/** A leaf is framed by a 16-bit length (C2SP tlog-tiles, Entry Bundles). */
export const ENTRY_BYTES_MAX = 65_535;

/** An entry whose form was checked; **its signature was not**, nor where it stands in the log. */
export interface Entry {
  /** The leaf's bytes, as they were given; not copied. */
  readonly bytes: Uint8Array;
  readonly header: JwsHeader;
  readonly payload: EntryPayload;
  /** ASCII; its SHA-256 is the next entry's `wtr.prev` and what identifies this one. */
  readonly signingInput: string;
  /** 64 bytes. */
  readonly signature: Uint8Array;
  /** Whether this version knows the kind; a finding where not. */
  readonly known: boolean;
}

/** Judges the facts of a control kind; throws {@link MalformedError}. `ctl.ts` has the one of this version. */
export type ControlCheck = (kind: string, ctl: JsonObject | undefined) => void;

/**
 * Parses a leaf, strictly: ASCII, base64url without stray bits, header and payload byte-equal to their canonical
 * form, payload closed and in agreement with itself.
 *
 * @param checkControl - Called with every entry's kind and `ctl`.
 * @throws {@link MalformedError} code `bad_entry`, `unsupported_version`, or one of {@link parseJws}'s.
 */
export function parseEntry(bytes: Uint8Array, checkControl?: ControlCheck): Entry {
  if (bytes.length > ENTRY_BYTES_MAX) {
    throw new MalformedError(`entry is ${bytes.length} bytes, at most 65535`, 'too_large');
  }
  const { header, payload: value, signingInput, signature } = parseJws(utf8Text(bytes), ENTRY_TYP);
  const payload = parseEntryPayload(value);
  checkControl?.(payload.kind, payload.ctl);
  return { bytes, header, payload, signingInput, signature, known: isKnownKind(payload.kind) };
}

/** The payload's canonical text: a prefix of `entryPrefix` with the writer's position. */
export function completePayload(prefix: string, wtr: WriterPosition): string {
  return `${prefix},"wtr":{"boot":"${wtr.boot}","id":"${wtr.id}","prev":"${wtr.prev}","seq":${wtr.seq}}}`;
}

/** The text that an entry's signature is over, ASCII. @param payload - Of {@link completePayload}. */
export function signingInput(kid: string, payload: string, alg: JwsAlgorithm = 'Ed25519'): string {
  return jwsSigningInput({ alg, kid, typ: ENTRY_TYP }, payload);
}

/** The leaf's bytes of a sealed JWS. */
export function entryBytes(jws: string): Uint8Array {
  return utf8Bytes(jws);
}
