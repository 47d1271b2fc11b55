/** Between texts and bytes. Rego's texts may hold any bytes; those of this engine are Unicode. */
import { BuiltinLimitError } from './builtin.ts';

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** @throws {@link BuiltinLimitError} when the bytes are not UTF-8: OPA would go on with them. */
export function textFromBytes(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch {
    throw new BuiltinLimitError('result of a built-in is not UTF-8');
  }
}

/** The UTF-8 bytes of a text. */
export function bytesOf(text: string): Buffer {
  return Buffer.from(text, 'utf8');
}
