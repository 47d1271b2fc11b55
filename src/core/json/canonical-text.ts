/** Places in canonical JSON text (RFC 8785), which has no white space: a value can be taken out of it as a slice. */
const QUOTE = 0x22;
const COMMA = 0x2c;
const BACKSLASH = 0x5c;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/** @returns the index behind the string that begins at `start`. */
export function endOfString(text: string, start: number): number {
  let end = text.indexOf('"', start + 1);
  while (isEscaped(text, end)) end = text.indexOf('"', end + 1);
  return end + 1;
}

/** Whether an odd number of backslashes stands before `at`. */
function isEscaped(text: string, at: number): boolean {
  let before = at - 1;
  while (text.charCodeAt(before) === BACKSLASH) before--;
  return (at - before) % 2 === 0;
}

/** @returns the index behind the value that begins at `start`: at a comma, a closing bracket or the end. */
export function endOfValue(text: string, start: number): number {
  if (text.charCodeAt(start) === QUOTE) return endOfString(text, start);
  let at = start;
  for (let open = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit === QUOTE) {
      at = endOfString(text, at) - 1;
    } else if (unit === OPEN_BRACE || unit === OPEN_BRACKET) {
      open++;
    } else if (unit === CLOSE_BRACE || unit === CLOSE_BRACKET) {
      if (--open <= 0) return open < 0 ? at : at + 1;
    } else if (unit === COMMA && open === 0) {
      return at;
    }
  }
  return at;
}
