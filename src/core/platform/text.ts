/** UTF-8 to text, as every engine has it: of this there is no faster form. */
import { MalformedError } from '../errors.ts';

declare const TextDecoder: new (
  label: 'utf-8',
  options: { fatal: true; ignoreBOM: true },
) => { decode(bytes: Uint8Array): string };

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The text of UTF-8 bytes, a byte order mark kept. @throws {@link MalformedError} `invalid_utf8`. */
export function utf8Text(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch {
    throw new MalformedError('bytes are not UTF-8', 'invalid_utf8');
  }
}
