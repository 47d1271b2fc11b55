/**
 * Disclosures made the slow and plain way, from the specification alone and with `node:crypto` only: what the fast
 * form in core is held against.
 */
import { createHash } from 'node:crypto';
import canonicalize from 'canonicalize';
import type { PartDepths, RecordParts } from '../../src/core/record/disclosure.ts';
import type { JsonObject, JsonValue } from '../../src/core/json/strict-json.ts';

/** What a disclosure came to, by the pointer of its node. */
export type ReferenceDisclosures = Map<string, { disclosure: string; digest: string }>;

interface Given {
  readonly jti: string;
  readonly key: Uint8Array;
  readonly depth: PartDepths;
  readonly parts: RecordParts;
  readonly sealed?: readonly { pointers: readonly string[]; key: Uint8Array }[];
}

export function referenceDisclosures(given: Given): { sd: string[]; nodes: ReferenceDisclosures } {
  const { jti, sealed = [] } = given;
  const nodes: ReferenceDisclosures = new Map();
  const counts = new Map<number, number>();
  const keys = [given.key, ...sealed.map(({ key }) => key)];

  const saltOf = (stream: number): string => {
    const k = counts.get(stream) ?? 0;
    counts.set(stream, k + 1);
    const seed = Buffer.concat([Buffer.from(`stele/salt/1\n${jti}\n${stream}\n`), keys[stream]!]);
    const bytes = createHash('shake256', { outputLength: 16 * (k + 1) })
      .update(seed)
      .digest();
    return bytes.subarray(16 * k).toString('base64url');
  };
  const streamOf = (pointer: string): number =>
    1 + sealed.findIndex(({ pointers }) => pointers.some((p) => `${pointer}/`.startsWith(`${p}/`)));

  const discloseNode = (
    name: string,
    value: JsonValue,
    levels: number,
    pointer: string,
  ): string => {
    const salt = saltOf(streamOf(pointer));
    let shown = value;
    if (levels > 1 && typeof value === 'object' && value !== null && !Array.isArray(value)) {
      const members = Object.entries(value as JsonObject);
      members.sort(([a], [b]) => (a < b ? -1 : 1));
      const digests = members.map(([member, inner]) =>
        discloseNode(
          member,
          inner,
          levels - 1,
          `${pointer}/${member.replaceAll('~', '~0').replaceAll('/', '~1')}`,
        ),
      );
      if (digests.length > 0) shown = { _sd: digests.sort() };
    }
    const disclosure = Buffer.from(canonicalize([salt, name, shown])!).toString('base64url');
    const digest = createHash('sha256').update(disclosure, 'ascii').digest('base64url');
    nodes.set(pointer, { disclosure, digest });
    return digest;
  };

  const sd = (['input', 'result', 'source'] as const).map((part) =>
    discloseNode(part, given.parts[part], given.depth[part], `/${part}`),
  );
  return { sd: sd.sort(), nodes };
}
