/** Control characters but tab and line feed, and those that turn the direction of what follows. Colours are ours. */
const UNPRINTABLE =
  /\u001b(?!\[[0-9;]*m)|[\u0000-\u0008\u000b-\u001a\u001c-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g;

/** What could begin a line of its own, or be taken for a colour of ours. */
const OUT_OF_LINE = /[\n\u001b]/g;

/** A text of somebody else in a line of ours: all that it can do there is stand in it. */
export function inLine(text: string): string {
  return text.replace(OUT_OF_LINE, '\ufffd');
}

/** A text that a terminal only shows: what bundles, ledgers and gateways of others say must not steer it. */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, '\ufffd');
}
