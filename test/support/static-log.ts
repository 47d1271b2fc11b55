/** Logs in the C2SP tlog-tiles layout to show to judges: Tessera's own test log, and ones made by `src/core`. */
import { createPrivateKey, createPublicKey, sign } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { formatCheckpoint } from '../../src/core/tree/checkpoint.ts';
import { hashLeaf, hashNode } from '../../src/core/tree/hash.ts';
import type { LeafHash, Sha256Hash } from '../../src/core/tree/hash.ts';
import { completeProof, planInclusion, planNodes } from '../../src/core/tree/proof.ts';
import { formatSignedNote, formatVkey, parseVkey } from '../../src/core/tree/signed-note.ts';
import {
  encodeEntryBundle,
  encodeTile,
  entryBundlePath,
  tilePath,
  tilesOf,
} from '../../src/core/tree/tile.ts';
import { formatTlogProof } from '../../src/core/tree/tlog-proof.ts';
import {
  edgeRoot,
  emptyEdge,
  extendEdge,
  parseLeafIndex,
  parseTreeSize,
} from '../../src/core/tree/tree.ts';
import type { NodeAddress } from '../../src/core/tree/tree.ts';
import { projectRoot } from './tools.ts';

/** A published log: what stands at each path below its prefix, and the key to check it with. */
export interface StaticLog {
  readonly vkey: string;
  readonly resources: Map<string, Uint8Array>;
}

interface Testdata {
  readonly vkey: string;
  readonly leaves_utf8: readonly string[];
  readonly checkpoints: Readonly<Record<string, string>>;
  readonly resources_hex: Readonly<Record<string, string>>;
}
const testdata = JSON.parse(
  readFileSync(join(projectRoot, 'test/vectors/tessera-testlog/testlog.json'), 'utf8'),
) as Testdata;

/** A checkpoint that Tessera signed. @param size - 0 to 15. */
export function testdataCheckpoint(size: number): string {
  return testdata.checkpoints[String(size)]!;
}

/** Tessera's test log at a size of 1 to 15, with every partial tile of every smaller size. */
export function testdataLog(size: number): StaticLog {
  const resources = Object.entries(testdata.resources_hex).map(
    ([path, hex]) => [path, new Uint8Array(Buffer.from(hex, 'hex'))] as const,
  );
  const checkpoint = Buffer.from(testdataCheckpoint(size));
  return { vkey: testdata.vkey, resources: new Map([...resources, ['checkpoint', checkpoint]]) };
}

/** A log of one key whose tree, tiles, notes and proofs `src/core` makes. */
export interface MadeLog {
  /** The published log at a size. */
  readonly at: (size: number) => StaticLog;
  readonly checkpoint: (size: number) => string;
  /** Any checkpoint text, signed by the log: for forks. */
  readonly signed: (size: number, root: Sha256Hash) => string;
  readonly root: (size: number) => Sha256Hash;
  readonly proof: (index: number, size: number) => string;
  readonly entry: (index: number) => Uint8Array;
}

const PKCS8_ED25519 = Buffer.from('302e020100300506032b657004220420', 'hex');

/** Makes a log of entries. @param seed - One byte, repeated to be the key's. */
export function makeLog(origin: string, entries: readonly Uint8Array[], seed = 7): MadeLog {
  const der = Buffer.concat([PKCS8_ED25519, Buffer.alloc(32, seed)]);
  const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  const spki = createPublicKey(key).export({ format: 'der', type: 'spki' });
  const vkey = formatVkey(origin, 1, new Uint8Array(spki.subarray(-32)));
  const { name, id } = parseVkey(vkey);
  const leaves = entries.map((entry) => hashLeaf(entry));
  const root = (size: number): Sha256Hash =>
    edgeRoot(extendEdge(emptyEdge(), leaves.slice(0, size)));
  const signed = (size: number, head: Sha256Hash): string => {
    const text = formatCheckpoint({
      origin,
      size: parseTreeSize(size),
      root: head,
      extensions: [],
    });
    const signature = new Uint8Array(sign(null, Buffer.from(text), key));
    return formatSignedNote(text, [{ name, id, signature }]);
  };
  const checkpoint = (size: number): string => signed(size, root(size));
  const proof = (index: number, size: number): string => {
    const plan = planInclusion(parseLeafIndex(index), parseTreeSize(size));
    const path = completeProof(
      plan,
      planNodes(plan).map((node) => nodeHash(leaves, node)),
    );
    return formatTlogProof({ index: parseLeafIndex(index), path, checkpoint: checkpoint(size) });
  };
  const at = (size: number): StaticLog => {
    const resources = new Map<string, Uint8Array>([['checkpoint', Buffer.from(checkpoint(size))]]);
    for (const tile of tilesOf(parseTreeSize(size))) {
      const first = tile.index * 256;
      const hashes = Array.from({ length: tile.width }, (_, i) =>
        nodeHash(leaves, { level: tile.level * 8, index: first + i }),
      );
      resources.set(tilePath(tile), encodeTile(hashes));
      if (tile.level > 0) continue;
      const bundle = encodeEntryBundle(entries.slice(first, first + tile.width));
      resources.set(entryBundlePath(tile.index, tile.width), bundle);
    }
    return { vkey, resources };
  };
  return { at, checkpoint, signed, root, proof, entry: (index) => entries[index]! };
}

/** Entries of various lengths, the empty one and a long one among them. */
export function someEntries(count: number): Uint8Array[] {
  return Array.from({ length: count }, (_, i) => {
    const length = i === 1 ? 0 : i === 2 ? 65_535 : (i * 37) % 500;
    return new Uint8Array(Buffer.alloc(length, `entry ${i}, `));
  });
}

function nodeHash(leaves: readonly LeafHash[], { level, index }: NodeAddress): Sha256Hash {
  if (level === 0) return leaves[index]!;
  const left = nodeHash(leaves, { level: level - 1, index: index * 2 });
  return hashNode(left, nodeHash(leaves, { level: level - 1, index: index * 2 + 1 }));
}

/** Puts a log into a folder. */
export async function writeLog({ resources }: StaticLog, folder: string): Promise<void> {
  for (const [path, bytes] of resources) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), bytes);
  }
}

/** Serves a log on loopback for the time of one use. */
export async function serveLog<T>(log: StaticLog, use: (url: string) => Promise<T>): Promise<T> {
  const server = createServer((request, response) => {
    const bytes = log.resources.get((request.url ?? '').replace(/^\/log\//, ''));
    response.statusCode = bytes === undefined ? 404 : 200;
    response.end(bytes ?? 'not found');
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  try {
    return await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}/log`);
  } finally {
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
  }
}

/** A copy with the bytes at a path changed. The path has to be there. */
export function altered(
  log: StaticLog,
  path: string,
  change: (bytes: Uint8Array) => Uint8Array | null,
): StaticLog {
  const bytes = log.resources.get(path);
  if (bytes === undefined) throw new Error(`the log has no ${path}`);
  const resources = new Map(log.resources);
  const next = change(new Uint8Array(bytes));
  if (next === null) resources.delete(path);
  else resources.set(path, next);
  return { ...log, resources };
}

/** Flips one bit. @param at - Byte; from the end when negative. */
export function flipped(at: number): (bytes: Uint8Array) => Uint8Array {
  return (bytes) => {
    const index = at < 0 ? bytes.length + at : at;
    bytes[index] = bytes[index]! ^ 1;
    return bytes;
  };
}
