/** JSON as Go's `encoding/json` writes it. */
import {
  RegoNumber,
  RegoObject,
  RegoSet,
  compareText,
  isArray,
} from '../../contract/rego-value.ts';
import type { RegoValue } from '../../contract/rego-value.ts';
import { formatJson } from '../../contract/rego-text.ts';
import { family } from './builtin.ts';
import { fail, objectOf, textOf } from './operand.ts';

/** Host functions that write JSON. */
export const MARSHAL = family(1, {
  'json.marshal_with_options': (value, options) => marshalWith(value, objectOf(options)),
});

/** How a level begins: the line break with its prefix and indentation, or nothing. */
interface Layout {
  readonly prefix: string;
  readonly indent: string;
}

function marshalWith(value: RegoValue | undefined, options: RegoObject): string {
  let prefix = '';
  let indent = '\t';
  let pretty: boolean | undefined;
  for (const [key, option] of options.entries) {
    if (key === 'prefix') prefix = textOf(option);
    else if (key === 'indent') indent = textOf(option);
    else if (key === 'pretty' && typeof option === 'boolean') pretty = option;
    else fail();
  }
  const implied = options.get('prefix') !== undefined || options.get('indent') !== undefined;
  if (!(pretty ?? implied)) return marshal(value ?? null, null, 0);
  return prefix + marshal(value ?? null, { prefix, indent }, 0);
}

function marshal(value: RegoValue, layout: Layout | null, depth: number): string {
  if (typeof value === 'string') return marshalText(value);
  if (value instanceof RegoNumber) return value.text;
  if (value instanceof RegoSet) return list('[', value.items.map(each), ']', layout, depth);
  if (isArray(value)) return list('[', value.map(each), ']', layout, depth);
  if (!(value instanceof RegoObject)) return String(value);
  const members = new Map(
    value.entries.map(([key, member]) => [typeof key === 'string' ? key : formatJson(key), member]),
  );
  const names = [...members.keys()].sort(compareText);
  const colon = layout === null ? ':' : ': ';
  const written = names.map(
    (name) => `${marshalText(name)}${colon}${each(members.get(name) ?? null)}`,
  );
  return list('{', written, '}', layout, depth);

  function each(item: RegoValue): string {
    return marshal(item, layout, depth + 1);
  }
}

function list(
  open: string,
  items: readonly string[],
  close: string,
  layout: Layout | null,
  depth: number,
): string {
  if (items.length === 0) return open + close;
  if (layout === null) return `${open}${items.join(',')}${close}`;
  const outer = `\n${layout.prefix}${layout.indent.repeat(depth)}`;
  const inner = outer + layout.indent;
  return `${open}${inner}${items.join(`,${inner}`)}${outer}${close}`;
}

/** Go also escapes what would end a script element, and two line breaks of Unicode. */
function marshalText(text: string): string {
  return JSON.stringify(text).replace(
    /[<>&\u2028\u2029]/g,
    (mark) => `\\u${mark.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
