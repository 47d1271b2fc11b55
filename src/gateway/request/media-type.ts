import { MEDIA_TYPES_REMEMBERED } from '../context/limits.ts';
import { ProblemError } from '../context/problem.ts';

/** Token of RFC 9110 §5.6.2. */
const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const ESSENCE = new RegExp(`^(${TOKEN}/${TOKEN})`);
const PARAMETER = new RegExp(
  `[ \t]*;[ \t]*(?:(${TOKEN})=(?:(${TOKEN})|"((?:[^"\\\\]|\\\\.)*)"))?`,
  'y',
);

const remembered = new Map<string, string>();

/**
 * The type of a `Content-Type` header, lower case, without its parameters. RFC 9110 §8.3.1.
 *
 * @throws {@link ProblemError} `media_type_unsupported` when missing or not well-formed, `charset_unsupported` for
 *   any character set but UTF-8.
 */
export function mediaTypeOf(header: string | undefined): string {
  if (header === undefined) {
    throw new ProblemError('media_type_unsupported', { detail: 'there is no Content-Type' });
  }
  const known = remembered.get(header);
  if (known !== undefined) return known;
  const type = parseMediaType(header);
  if (remembered.size >= MEDIA_TYPES_REMEMBERED) remembered.clear();
  remembered.set(header, type);
  return type;
}

function parseMediaType(header: string): string {
  const essence = ESSENCE.exec(header)?.[1];
  if (essence === undefined) {
    throw new ProblemError('media_type_unsupported', { detail: 'Content-Type is not well-formed' });
  }
  PARAMETER.lastIndex = essence.length;
  while (PARAMETER.lastIndex < header.length) {
    const match = PARAMETER.exec(header);
    if (match === null) {
      throw new ProblemError('media_type_unsupported', {
        detail: 'Content-Type is not well-formed',
      });
    }
    const [, name, token, quoted] = match;
    if (name?.toLowerCase() !== 'charset') continue;
    if ((token ?? quoted ?? '').toLowerCase() !== 'utf-8') {
      throw new ProblemError('charset_unsupported', { detail: 'charset is not utf-8' });
    }
  }
  return essence.toLowerCase();
}
