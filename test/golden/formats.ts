/**
 * Examples and lists of `docs/formats.md`, made from the golden files and from the code, so that the page cannot say
 * something else. A marker `<!-- golden: ... -->` is followed by its block, up to `<!-- /golden -->`.
 */
import { createHash } from 'node:crypto';
import { parseBatch } from '../../src/core/log/batch.ts';
import { toBase64Url, toHex, utf8Text } from '../../src/core/platform/bytes.ts';
import { parseEntry } from '../../src/core/entry/entry.ts';
import { findingList } from '../../src/core/verify/findings.ts';
import { hashLeaf } from '../../src/core/tree/hash.ts';
import { entryIdentity, refusalCodes } from '../../src/core/log/state.ts';
import type { RefusalCode } from '../../src/core/log/state.ts';
import { parseSdJwt } from '../../src/core/record/open-disclosures.ts';
import { sha256 } from '../../src/core/platform/platform.node.ts';

type Files = ReadonlyMap<string, Uint8Array>;

const WIDTH = 96;

/** The eight checks, in the words of the page. */
const checks: Readonly<Record<RefusalCode, string>> = {
  invalid_framing:
    'The bytes are a header line and framed leaves, none empty, within `limits`: bytes of the object, of the header line and of each leaf, number of leaves.',
  invalid_header:
    'The header line is a JWS as sections 1 and 7 ask, signed by the key of a certificate in it; `origin`, `gen` and `number` are those of the ledger and of its key; `number` is above the last.',
  invalid_key:
    'Every statement in `certs` stands (section 2), one for each `kid`, none contradicting an earlier one. The header key and each leaf key is certified as `writer` for the writer that the header or leaf names, its `alg` is the header’s, and its status allows it (below).',
  invalid_previous:
    'The last batch was not final. `previous.number` and `previous.sha256` are its. `voids` is null if `number` follows at once, else exactly the numbers between.',
  invalid_sections: 'The sections cover the leaves in order, each with its hash.',
  invalid_tree:
    '`first` is the size before, `count` the number of leaves, `size`, `edge` and `root` those of the tree with them.',
  invalid_leaves:
    'Every leaf is an entry as section 4 asks, with the `iss` and `gen` of the ledger, and `ctl` as section 4.1 asks. `runs` and `control` are what the leaves say. (writer, boot, seq) is strictly ascending in each boot, within the batch and over the log.',
  invalid_ids: 'No `jti` occurs twice in the batch.',
};

/** The page with every block as it should be. */
export function fillFormats(page: string, files: Files): string {
  const marker = /<!-- golden: (.+?) -->\n(?:\n(?:(?!<!-- golden)[^])*?<!-- \/golden -->\n)?/g;
  return page.replace(marker, (_whole, what: string) => {
    return `<!-- golden: ${what} -->\n\n${block(what.split(' '), files)}\n<!-- /golden -->\n`;
  });
}

function block([what = '', path = '', extra = '']: readonly string[], files: Files): string {
  const text = (): string => utf8Text(files.get(path)!);
  switch (what) {
    case 'text':
      return fenced(text().replace(/\n$/, ''));
    case 'json':
      return fenced(`${path}\n${folded(pretty(JSON.parse(text())))}`);
    case 'payload':
      return fenced(`${path}, payload\n${folded(pretty(payloadOf(text())))}`);
    case 'ctl':
      return fenced(`${path}, ctl\n${pretty((payloadOf(text()) as { ctl: unknown }).ctl)}`);
    case 'genesis': {
      const { payload } = JSON.parse(text()) as { payload: string };
      return fenced(`${path}, payload\n${folded(pretty(decoded(payload)))}`);
    }
    case 'disclosure': {
      const disclosure = parseSdJwt(text()).disclosures[Number(extra)]!;
      const digest = toBase64Url(sha256(new TextEncoder().encode(disclosure)));
      const plain = Buffer.from(disclosure, 'base64url').toString();
      return fenced(folded(`disclosure  ${disclosure}\ndecoded     ${plain}\ndigest      ${digest}`));
    }
    case 'hex':
      return fenced(hexOf(path, files.get(path)!));
    case 'refusals':
      return table(
        ['check', 'refusal', 'passes if'],
        refusalCodes.map((code, i) => [String(i + 1), `\`${code}\``, checks[code]]),
      );
    case 'findings':
      return table(
        ['code', 'weight', 'means'],
        Object.entries(findingList).map(([code, [severity, meaning]]) => [`\`${code}\``, severity, meaning]),
      );
    case 'values':
      return valuesOf(files);
    default:
      throw new Error(`no block ${what}`);
  }
}

function valuesOf(files: Files): string {
  const leaf = files.get('entries/event.jws')!;
  const values = JSON.parse(utf8Text(files.get('values.json')!)) as Record<string, string>;
  const hash = (path: string): string => createHash('sha256').update(files.get(path)!).digest('base64url');
  const batches = ['00000000000000000000', '00000000000000000001', '00000000000000000004'];
  const first = parseBatch(files.get(`batches/${batches[0]!}`)!);
  return table(
    ['value', 'is'],
    [
      ['`gen`', `\`${hash('genesis.json')}\``],
      ['checkpoint key', `\`${values['vkey']!}\``],
      ['leaf hash of entry 1, hexadecimal', `\`${toHex(hashLeaf(leaf))}\``],
      ['hash of its signing input', `\`${entryIdentity(parseEntry(leaf))}\``],
      ['root after batch 0', `\`${first.header.root}\``],
      ['root of the whole log', `\`${values['root']!}\``],
      ['its size', String(values['size'])],
      ...batches.map((name) => [`hash of batch ${Number(name)}`, `\`${hash(`batches/${name}`)}\``]),
    ],
  );
}

/** The payload of a JWS, of the first JWS of a statement, or of a batch's header line. */
function payloadOf(text: string): unknown {
  const jws = text.startsWith('[') ? (JSON.parse(text) as string[])[0]! : text.split('\n')[0]!;
  return decoded(jws.split('.')[1]!);
}

function decoded(segment: string): unknown {
  return JSON.parse(Buffer.from(segment, 'base64url').toString());
}

function pretty(value: unknown): string {
  return JSON.stringify(value, null, 1);
}

/** Long lines broken, for reading only. */
function folded(text: string): string {
  return text
    .split('\n')
    .map((line) => line.match(new RegExp(`.{1,${WIDTH}}`, 'g'))?.join('\n  ') ?? '')
    .join('\n');
}

/** The first bytes, the border between header and leaves, and the beginning of the first leaf. */
function hexOf(path: string, bytes: Uint8Array): string {
  const end = bytes.indexOf(10);
  const spaced = (from: number, to: number): string =>
    toHex(bytes.subarray(from, to)).replace(/..(?=.)/g, '$& ');
  return [
    `${path}, ${bytes.length} bytes`,
    `       0  ${spaced(0, 16)}  the header line begins`,
    `${String(end).padStart(8)}  ${spaced(end, end + 1)}  its line end`,
    `${String(end + 1).padStart(8)}  ${spaced(end + 1, end + 3)}  length of leaf 0`,
    `${String(end + 3).padStart(8)}  ${spaced(end + 3, end + 19)}  leaf 0 begins`,
  ].join('\n');
}

function fenced(text: string): string {
  return `\`\`\`text\n${text}\n\`\`\`\n`;
}

/** A table as the formatter would have it. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, i) => Math.max(3, title.length, ...rows.map((row) => row[i]!.length)));
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, i) => cell.padEnd(widths[i]!)).join(' | ')} |`;
  return `${[line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n')}\n`;
}
