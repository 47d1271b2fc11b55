/** The core's primitives over `node:crypto`: about four times the speed of the portable ones on small inputs. */
import { createHash } from 'node:crypto';

/** SHA-256 (FIPS 180-4). @returns 32 bytes. */
export function sha256(bytes: Uint8Array): Uint8Array {
  return createHash('sha256').update(bytes).digest();
}
