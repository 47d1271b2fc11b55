/**
 * Signed objects: compact JWS (RFC 7515 §7.1) in the one form that Stele writes. The protected header has exactly
 * three members in canonical order, so that it can be recognised byte by byte and never has to be interpreted.
 */
import { sha256Base64Url, utf8Base64Url, verifyEd25519, verifyP256 } from '#platform';
import {
  concatBytes,
  parseBase64Url,
  toBase64Url,
  utf8Bytes,
  utf8Text,
} from '../platform/bytes.ts';
import { canonicalJson, parseCanonicalJson } from './canonical-json.ts';
import { MalformedError } from '../errors.ts';
import { isJsonObject } from './json-pointer.ts';
import { isPrimeOrderEd25519 } from '../platform/point.ts';
import type { JsonValue } from './strict-json.ts';

/** `Ed25519` is RFC 9864's name of that one curve; `ES256` (RFC 7518 §3.4) is for key services without it. */
export type JwsAlgorithm = 'Ed25519' | 'ES256';

/** An Ed25519 public key. RFC 8037 §2. */
export interface Ed25519Jwk {
  readonly crv: 'Ed25519';
  readonly kty: 'OKP';
  /** Base64url of 32 bytes. */
  readonly x: string;
}

/** A P-256 public key. RFC 7518 §6.2.1. */
export interface P256Jwk {
  readonly crv: 'P-256';
  readonly kty: 'EC';
  /** Base64url of 32 bytes each. */
  readonly x: string;
  readonly y: string;
}

/** A public key as it stands in certificates and in genesis: the required members and no other. */
export type PublicJwk = Ed25519Jwk | P256Jwk;

/** Whoever holds a private key. The signature is 64 bytes: RFC 8032, or r and s of RFC 7518 §3.4 with a low s. */
export interface JwsSigner {
  readonly alg: JwsAlgorithm;
  /** RFC 7638 thumbprint of `jwk`. */
  readonly kid: string;
  readonly jwk: PublicJwk;
  sign(bytes: Uint8Array): Promise<Uint8Array>;
}

/** The protected header, exactly these members. */
export interface JwsHeader {
  readonly alg: JwsAlgorithm;
  /** RFC 7638 thumbprint of the signer's key, 43 characters. */
  readonly kid: string;
  readonly typ: string;
}

/** A JWS whose form was checked; **its signature was not**: see {@link verifyJws}. */
export interface ParsedJws {
  readonly header: JwsHeader;
  readonly payload: JsonValue;
  /** The two first segments with their dot, ASCII: what the signature is over. RFC 7515 §5.1. */
  readonly signingInput: string;
  /** 64 bytes. */
  readonly signature: Uint8Array;
}

const SIGNATURE_BYTES = 64;
const SIGNATURE_CHARACTERS = 86;
const HEADER =
  /^\{"alg":"(Ed25519|ES256)","kid":"([A-Za-z0-9_-]{42}[AEIMQUYcgkosw048])","typ":"([a-z0-9+-]+)"\}$/;
/** Base64url of 32 bytes without stray bits. */
const KEY_COORDINATE = /^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/;
const P256_PRIME = 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n;
const P256_B = 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn;

/**
 * Parses a compact JWS of one type. Nothing of it is authentic yet.
 *
 * @param typ - The only `typ` that is let through (RFC 8725 §3.11).
 * @throws {@link MalformedError} code `bad_jws`, `bad_jws_header`, `malformed_base64url`, `invalid_utf8`,
 *   `not_canonical`, or one of strict JSON.
 */
export function parseJws(text: string, typ: string): ParsedJws {
  const dot = text.indexOf('.');
  const lastDot = text.lastIndexOf('.');
  if (dot < 0 || lastDot === dot || text.indexOf('.', dot + 1) !== lastDot) {
    throw new MalformedError('a compact JWS has three segments', 'bad_jws');
  }
  const header = parseHeader(text.slice(0, dot), typ);
  const payload = parseCanonicalJson(utf8Text(parseBase64Url(text.slice(dot + 1, lastDot))));
  const signature = text.slice(lastDot + 1);
  if (signature.length !== SIGNATURE_CHARACTERS) {
    throw new MalformedError(`signature is not ${SIGNATURE_BYTES} bytes`, 'bad_jws');
  }
  return {
    header,
    payload,
    signingInput: text.slice(0, lastDot),
    signature: parseBase64Url(signature),
  };
}

/**
 * Whether the signature is of this key under this algorithm, both taken from the key's certificate and not from the
 * header. Never throws.
 */
export function verifyJws(
  jws: Pick<ParsedJws, 'header' | 'signingInput' | 'signature'>,
  jwk: PublicJwk,
  alg: JwsAlgorithm,
): boolean {
  if (jws.header.alg !== alg || jws.header.kid !== jwkThumbprint(jwk)) return false;
  const message = utf8Bytes(jws.signingInput);
  const x = parseBase64Url(jwk.x);
  if (jwk.kty === 'OKP') return alg === 'Ed25519' && verifyEd25519(x, message, jws.signature);
  const point = concatBytes(Uint8Array.of(4), x, parseBase64Url(jwk.y));
  return alg === 'ES256' && verifyP256(point, message, jws.signature);
}

/** The text that a signature is over. @param payload - Canonical JSON. RFC 7515 §5.1. */
export function jwsSigningInput(header: JwsHeader, payload: string): string {
  const protectedHeader = `{"alg":"${header.alg}","kid":"${header.kid}","typ":"${header.typ}"}`;
  return `${utf8Base64Url(protectedHeader)}.${utf8Base64Url(payload)}`;
}

/** Joins what was signed and the signature to a compact JWS. RFC 7515 §7.1. */
export function sealJws(signingInput: string, signature: Uint8Array): string {
  if (signature.length !== SIGNATURE_BYTES) {
    throw new MalformedError(`signature is ${signature.length} bytes, want 64`, 'bad_jws');
  }
  return `${signingInput}.${toBase64Url(signature)}`;
}

/** Signs a value as a compact JWS. */
export async function signJws(typ: string, payload: JsonValue, signer: JwsSigner): Promise<string> {
  const header = { alg: signer.alg, kid: signer.kid, typ };
  const input = jwsSigningInput(header, canonicalJson(payload));
  return sealJws(input, await signer.sign(utf8Bytes(input)));
}

/** The identity of a key: SHA-256 over its required members in canonical order, base64url. RFC 7638 §3. */
export function jwkThumbprint(jwk: PublicJwk): string {
  const members =
    jwk.kty === 'OKP'
      ? `{"crv":"Ed25519","kty":"OKP","x":"${jwk.x}"}`
      : `{"crv":"P-256","kty":"EC","x":"${jwk.x}","y":"${jwk.y}"}`;
  return sha256Base64Url(members);
}

/**
 * Parses a public key: exactly the required members, coordinates of full length, an Ed25519 key canonical and of
 * prime order (a key of small order signs everything), a P-256 key on its curve.
 *
 * @throws {@link MalformedError} code `bad_jwk`.
 */
export function parsePublicJwk(value: JsonValue): PublicJwk {
  const jwk = isJsonObject(value) ? value : {};
  const { crv, kty, x, y } = jwk;
  const count = Object.keys(jwk).length;
  if (!isCoordinate(x)) throw badJwk('x is not 32 bytes');
  if (crv === 'Ed25519' && kty === 'OKP' && count === 3) {
    if (!isPrimeOrderEd25519(parseBase64Url(x))) throw badJwk('key is not of prime order');
    return { crv, kty, x };
  }
  if (crv === 'P-256' && kty === 'EC' && count === 4) {
    if (!isCoordinate(y) || !isOnP256(x, y)) throw badJwk('key is not on its curve');
    return { crv, kty, x, y };
  }
  throw badJwk('key is neither Ed25519 nor P-256 with exactly the required members');
}

/** The algorithm that a key is for. */
export function algorithmOf(jwk: PublicJwk): JwsAlgorithm {
  return jwk.kty === 'OKP' ? 'Ed25519' : 'ES256';
}

function parseHeader(segment: string, typ: string): JwsHeader {
  const match = HEADER.exec(utf8Text(parseBase64Url(segment)));
  if (match === null) {
    throw new MalformedError('protected header is not exactly alg, kid, typ', 'bad_jws_header');
  }
  const [, alg, kid = '', found] = match;
  if (found !== typ) throw new MalformedError(`typ is not ${typ}`, 'bad_jws_header');
  return { alg: alg as JwsAlgorithm, kid, typ };
}

function isCoordinate(value: JsonValue | undefined): value is string {
  return typeof value === 'string' && KEY_COORDINATE.test(value);
}

/** The curve's equation, y² = x³ - 3x + b over its prime. FIPS 186-5, SP 800-186 §3.2.1.3. */
function isOnP256(x: string, y: string): boolean {
  const [px, py] = [toBigInt(x), toBigInt(y)];
  if (px >= P256_PRIME || py >= P256_PRIME) return false;
  return (py * py - (px * px * px - 3n * px + P256_B)) % P256_PRIME === 0n;
}

function toBigInt(coordinate: string): bigint {
  let value = 0n;
  for (const byte of parseBase64Url(coordinate)) value = value * 256n + BigInt(byte);
  return value;
}

function badJwk(message: string): MalformedError {
  return new MalformedError(message, 'bad_jwk');
}
