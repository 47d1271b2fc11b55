import { randomBytes } from 'node:crypto';
import { MalformedError } from '../core/errors.ts';
import { readSecretFile, writeSecretFile } from './key-files.ts';

/**
 * The secret behind `idk` and `idb` (entry payload): all writers of a ledger share it, no reader has it. Whoever holds
 * it can test guesses of a caller's idempotency keys and bodies against the leaves; it signs nothing.
 */
export interface LedgerSecret {
  /** Names the secret in `idk` and `idb`, so that a later one can be told apart. 8 to 22 base64url characters. */
  readonly id: string;
  /** 32 random bytes. */
  readonly key: Uint8Array;
}

const SECRET_BYTES = 32;
const ID_PATTERN = /^[A-Za-z0-9_-]{8,22}$/;

/** Makes a new secret. */
export function generateLedgerSecret(): LedgerSecret {
  return { id: randomBytes(8).toString('base64url'), key: randomBytes(SECRET_BYTES) };
}

/** Writes a new secret file, mode 0600. @throws {@link SteleError} `file_exists`. */
export async function saveLedgerSecret(path: string, secret: LedgerSecret): Promise<void> {
  const key = Buffer.from(secret.key).toString('base64url');
  await writeSecretFile(path, `${JSON.stringify({ v: 1, id: secret.id, key })}\n`);
}

/**
 * Reads what {@link saveLedgerSecret} wrote.
 * @throws {@link SteleError} `key_file_missing`, `key_file_exposed`; {@link MalformedError} `key_file_malformed`.
 */
export async function loadLedgerSecret(path: string): Promise<LedgerSecret> {
  const malformed = new MalformedError(
    `${path} is not a ledger secret: want {"v":1,"id","key"}`,
    'key_file_malformed',
  );
  let value: unknown;
  try {
    value = JSON.parse(await readSecretFile(path));
  } catch (error) {
    if (error instanceof SyntaxError) throw malformed;
    throw error;
  }
  if (typeof value !== 'object' || value === null) throw malformed;
  const { v, id, key } = value as Record<string, unknown>;
  if (v !== 1 || typeof id !== 'string' || !ID_PATTERN.test(id) || typeof key !== 'string') {
    throw malformed;
  }
  const bytes = Buffer.from(key, 'base64url');
  if (bytes.length !== SECRET_BYTES || bytes.toString('base64url') !== key) throw malformed;
  return { id, key: new Uint8Array(bytes) };
}
