/**
 * The golden files: one small ledger in which everything of the formats occurs once. Keys, identifiers and times
 * belong to names, Ed25519 has no randomness, and gzip members are stored blocks: the same bytes on every machine.
 * Bytes that have once been released are never made anew; a new version gets a folder of its own.
 */
import { crc32 } from 'node:zlib';
import { encodeBatch, parseBatch } from '../../src/core/log/batch.ts';
import type { PayloadReference, VoidSlot } from '../../src/core/log/batch-header.ts';
import { planBatch } from '../../src/core/log/batch-plan.ts';
import type { BatchDraft } from '../../src/core/log/batch-plan.ts';
import { concatBytes, toBase64Url, uint64, utf8Bytes, utf8Text } from '../../src/core/platform/bytes.ts';
import { canonicalJson } from '../../src/core/json/canonical-json.ts';
import { cosignedBytes } from '../../src/core/tree/cosignature.ts';
import { entryBytes, parseEntry } from '../../src/core/entry/entry.ts';
import { makeConfigStatement } from '../../src/core/ledger/config.ts';
import { formatSdJwt } from '../../src/core/record/open-disclosures.ts';
import { planMembers } from '../../src/core/log/payload-object.ts';
import { sha256 } from '../../src/core/platform/platform.node.ts';
import { formatRecord } from '../../src/core/record/record.ts';
import { disclosuresFor } from '../../src/core/record/redact.ts';
import { formatSignedNote, formatVkey, parseSignedNote, parseVkey } from '../../src/core/tree/signed-note.ts';
import { makeGapStatement, makeKeyStatement } from '../../src/core/ledger/statement.ts';
import type { Statement } from '../../src/core/ledger/statement.ts';
import type { JsonObject, JsonValue } from '../../src/core/json/strict-json.ts';
import {
  allowed,
  approvedActivation,
  bootFacts,
  bytesOf,
  checkpointKey,
  checkpointOf,
  genesisDraft,
  idOf,
  MiniLog,
  personOf,
  proofOf,
  RAW_EVENT,
  recorded,
  signerOf,
} from './support.ts';
import type { TestCheckpointKey, TestRecorded, TestWriter } from './support.ts';

/** The folder of the files of this version. */
export const GOLDEN_FOLDER = 'test/golden/v1';

const WITNESS = 'witness.example/one';
const POLICY_TWO = idOf('policy two', 32);

class Golden {
  readonly files = new Map<string, Uint8Array>();
  readonly leaves: Uint8Array[] = [];
  readonly log: MiniLog;
  readonly one: TestWriter;
  readonly two: TestWriter;
  readonly key: TestCheckpointKey;

  constructor(log: MiniLog, one: TestWriter, two: TestWriter, key: TestCheckpointKey) {
    this.log = log;
    this.one = one;
    this.two = two;
    this.key = key;
  }

  put(path: string, content: string | Uint8Array): void {
    this.files.set(path, typeof content === 'string' ? utf8Bytes(content) : content);
  }

  putJson(path: string, value: JsonValue): void {
    this.put(path, canonicalJson(value));
  }

  async entry(
    writer: TestWriter,
    kind: string,
    ctl: JsonObject | null,
    name = kind,
  ): Promise<Uint8Array> {
    const leaf = await this.log.entry(writer, kind, ctl === null ? {} : { ctl });
    this.put(`entries/${name}.jws`, leaf);
    return leaf;
  }

  async recorded(
    name: string,
    changes: Parameters<typeof recorded>[2] = {},
    sealed: Parameters<typeof recorded>[3] = [],
  ): Promise<TestRecorded> {
    const made = await recorded(this.log, this.one, changes, sealed);
    this.put(`entries/${name}.jws`, made.leaf);
    this.put(`records/${name}.ndjson`, formatRecord(made.record));
    return made;
  }

  /** Plans a batch, signs it, applies it and keeps its bytes. */
  async seal(leaves: readonly Uint8Array[], draft: Partial<BatchDraft>): Promise<void> {
    const { header } = planBatch(this.log.state, this.log.draft(this.one, leaves, draft));
    const bytes = await encodeBatch(header, leaves, this.one.signer);
    this.log.apply(bytes, `version-of-${header.number}`);
    this.leaves.push(...leaves);
    this.put(`batches/${String(header.number).padStart(20, '0')}`, bytes);
  }
}

/** Makes all golden files. @returns bytes by path inside the folder of this version. */
export async function makeGolden(): Promise<ReadonlyMap<string, Uint8Array>> {
  const log = await makeLedger();
  const golden = new Golden(log, await log.writer('one'), await log.writer('two'), await checkpointKey(log));
  await putKeys(golden);
  const first = await sealFirst(golden);
  await sealSecond(golden);
  await sealLast(golden);
  const proof = await proofOf(log, golden.key, golden.leaves, 1);
  golden.put('proof.tlog-proof', proof);
  golden.put('checkpoint.txt', await cosign(await checkpointOf(log, golden.key)));
  golden.put('raw/event.json', RAW_EVENT);
  golden.put('sd-jwt/full.txt', sdJwt(first, 'all'));
  golden.put('sd-jwt/redacted.txt', sdJwt(first, { redact: ['/input/event/actor', '/result'] }));
  golden.put('sd-jwt/leaf-alone.txt', sdJwt(first, 'leaf'));
  putValues(golden, first);
  return golden.files;
}

async function makeLedger(): Promise<MiniLog> {
  const [a, b, c, next] = ['root a', 'root b', 'root c', 'root next'].map(signerOf);
  const keys = [a!, b!, c!].map(({ jwk }) => jwk);
  const roots = { threshold: 2, keys, next: [next!.kid] };
  return MiniLog.create(genesisDraft({ roots }), [a!, b!]);
}

async function putKeys(golden: Golden): Promise<void> {
  const { log, one, two, key } = golden;
  golden.put('genesis.json', log.genesis.bytes);
  golden.putJson('certificates/writer-one.json', one.cert);
  golden.putJson('certificates/writer-two.json', two.cert);
  golden.putJson('certificates/checkpoint.json', key.cert);
  golden.putJson('certificates/approver-ann.json', (await personOf(log, 'ann')).cert);
  golden.putJson('certificates/author-cid.json', (await personOf(log, 'cid', 'author')).cert);
}

/** Batch 0: two boots, an event, a denial, an access and a failed decision, with their payload object. */
async function sealFirst(golden: Golden): Promise<TestRecorded> {
  const { log, one, two } = golden;
  const boots = [
    await golden.entry(one, 'boot', bootFacts(log).ctl!),
    await log.entry(two, 'boot', bootFacts(log)),
  ];
  const event = await golden.recorded('event', {
    idk: `golden.${idOf('idk one', 32)}`,
    idb: `golden.${idOf('idb one', 32)}`,
  });
  const policy = log.genesis.policy!.id;
  const denied = { id: policy, entrypoint: 'stele/append', allow: false };
  const failed = { id: null, entrypoint: 'stele/append', allow: false, err: 'policy_timeout' };
  const plain = [
    await log.entry(one, 'denial', { pol: denied }),
    await log.entry(one, 'access', { pol: { ...denied, entrypoint: 'stele/read', allow: true } }),
    await log.entry(one, 'decision', { pol: failed }),
  ];
  ['denial', 'access', 'decision'].forEach((kind, i) => { golden.put(`entries/${kind}.jws`, plain[i]!); });
  const leaves = [boots[0]!, event.leaf, boots[1]!, ...plain];
  const payloads = [payload(golden, 'first', [[1, event]])];
  await golden.seal(leaves, { certs: [one.cert, two.cert], payloads });
  return event;
}

/** Batch 1: every control kind, a kind of a later version, sealed sets, and a cosigned checkpoint of batch 0. */
async function sealSecond(golden: Golden): Promise<void> {
  const { log, one, two, key } = golden;
  const checkpoint = await cosign(await checkpointOf(log, key));
  const sealed = await golden.recorded(
    'event-sealed',
    { was: idOf('the entry that this one reissues', 32) },
    [['/input/event/actor'], ['/input/subject/id', '/source/auth']],
  );
  // As it is where this entry stands: the statements before it, in the same batch, have withdrawn nothing of it.
  const activate = await approvedActivation(log, POLICY_TWO, {
    change: 'update',
    revision: '2026-01-02',
    reason: 'reads of auditors are masked',
  });
  const approvals = activate['approvals'] as readonly string[];
  golden.put('approvals/ann.jws', approvals[0]!);
  golden.put('approvals/ben.jws', approvals[1]!);
  const rows: readonly (readonly [string, JsonObject | null])[] = [
    ['heartbeat', {}],
    ['key', { statement: await retirement(golden) }],
    ['config', { statement: await configuration(golden) }],
    ['gap', { ...lostJournal, statement: await gapStatement(golden) }],
    ['policy', activate],
    ['hold', { act: 'place', id: idOf('hold'), scope: { class: 'standard', from: 1767225600000 }, place: null, approvals: [] }],
    ['erasure', { act: 'intent', id: idOf('erasure'), keys: [idOf('subject key')], remaining: [], intent: null, hold: null, approvals: [] }],
    ['purge', { act: 'intent', id: idOf('purge'), class: 'short', objects: [{ batch: 0, payload: 0 }], remaining: [], intent: null, hold: null, opening: { checked: 1, absent: 0, failed: [] } }],
    ['summary', { from: 1767225600000, to: 1767225660000, counts: [{ entrypoint: 'authenticate', action: 'append', allow: false, count: 31, code: 'token_invalid' }] }],
    ['alert', { source: 1, policy: log.genesis.policy!.id, severity: 'high', title: 'export of many records' }],
    ['finding', { code: 'extra_version', at: { batch: 0, key: 'golden/batch/00000000000000000000' }, detail: 'two versions' }],
    ['marvel', { of: ['a', 'later', 'version'] }],
  ];
  const leaves = [sealed.leaf];
  for (const [kind, ctl] of rows) leaves.push(await golden.entry(one, kind, ctl));
  leaves.push(await log.entry(two, 'event', allowed(log)));
  await golden.seal(leaves, {
    certs: [one.cert, two.cert, key.cert],
    payloads: [payload(golden, 'second', [[0, sealed]])],
    checkpoints: [checkpoint],
  });
}

/** Batch 4: numbers 2 and 3 are void, a leaf of the retired writer comes late, an object was left over, the log ends. */
async function sealLast(golden: Golden): Promise<void> {
  const { log, one, two } = golden;
  const adopt = {
    act: 'adopt',
    id: POLICY_TWO,
    digest: null,
    revision: null,
    previous: log.genesis.policy!.id,
    signer: null,
    approvals: [],
    grace: null,
    activation: log.state.policies.get(POLICY_TWO)!.index,
  };
  const leaves = [
    await golden.entry(one, 'policy', adopt, 'policy-adopt'),
    await log.entry(two, 'event', allowed(log)),
    await golden.entry(one, 'close', { reason: 'shutdown' }),
  ];
  golden.put('entries/event-late.jws', leaves[1]!);
  const garbage = utf8Bytes('not a batch\n');
  const voids: VoidSlot[] = [
    { number: 2, versionId: 'version-of-2', size: garbage.length, sha256: toBase64Url(sha256(garbage)) },
    { number: 3, versionId: 'version-of-3', size: 9_999_999, sha256: null },
  ];
  golden.putJson('voids.json', voids);
  const orphan = {
    key: `golden/payload/class=standard/date=2026-01-01/${idOf('orphan')}.ndjson.gz`,
    versionId: 'version-of-orphan',
    size: 120,
    sha256: idOf('orphan bytes', 32),
    class: 'standard',
    mode: 'compliance' as const,
    retainUntil: 1898848000000,
  };
  const draft = { certs: [one.cert, two.cert], voids, orphans: [orphan], final: true };
  await golden.seal(leaves, draft);
}

const lostJournal = {
  writer: idOf('writer three'),
  boot: idOf('boot three 0'),
  first: 17,
  last: null,
  reason: 'disk_lost',
};

async function retirement({ log, two }: Golden): Promise<Statement> {
  return makeKeyStatement(
    {
      v: 1,
      gen: log.genesis.gen,
      act: 'retire',
      use: 'writer',
      kid: two.signer.kid,
      final: { boot: two.boot, seq: 2 },
    },
    log.roots,
  );
}

async function configuration({ log }: Golden): Promise<Statement> {
  const set = { labels: ['env', 'event_name', 'team'], maxSealMs: 90000 };
  const { gen } = log.genesis;
  return makeConfigStatement({ v: 1, gen, previous: gen, set }, log.roots);
}

async function gapStatement({ log }: Golden): Promise<Statement> {
  return makeGapStatement({ v: 1, gen: log.genesis.gen, ...lostJournal }, log.roots);
}

/** Stores records, one gzip member a line. */
function payload(
  golden: Golden,
  name: string,
  rows: readonly (readonly [number, TestRecorded])[],
): PayloadReference {
  const lines = rows.map(([leaf, { record }]) => ({ leaf, text: utf8Bytes(formatRecord(record)) }));
  const plans = planMembers(lines.map(({ leaf, text }) => ({ leaf, bytes: text.length })));
  const members: [number, number][] = [];
  let bytes: Uint8Array = new Uint8Array(0);
  for (const { start, end, leaf } of plans) {
    members.push([bytes.length, leaf]);
    const plain = concatBytes(...lines.slice(start, end).map(({ text }) => text));
    bytes = concatBytes(bytes, gzipStored(plain));
  }
  golden.put(`payloads/${name}.ndjson.gz`, bytes);
  return {
    key: `golden/payload/class=standard/date=2026-01-01/${idOf(`plan ${name}`)}.ndjson.gz`,
    versionId: `version-of-payload-${name}`,
    size: bytes.length,
    sha256: toBase64Url(sha256(bytes)),
    class: 'standard',
    mode: 'compliance',
    retainUntil: 1798848000000,
    members,
  };
}

/** A gzip member of one stored block (RFC 1951 §3.2.4, RFC 1952): no compressor has a say in its bytes. */
function gzipStored(plain: Uint8Array): Uint8Array {
  const little = (value: number, width: number): Uint8Array =>
    Uint8Array.from({ length: width }, (_, i) => Math.floor(value / 256 ** i) % 256);
  return concatBytes(
    Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255),
    Uint8Array.of(1),
    little(plain.length, 2),
    little(65_535 - plain.length, 2),
    plain,
    little(crc32(plain), 4),
    little(plain.length, 4),
  );
}

/** Adds the cosignature of a witness to a signed checkpoint. */
async function cosign(checkpoint: string): Promise<string> {
  const note = parseSignedNote(checkpoint);
  const seconds = 1767225700;
  const signer = signerOf(WITNESS);
  const signature = await signer.sign(cosignedBytes(note.text, seconds * 1000));
  const { id } = parseVkey(witnessVkey());
  const line = { name: WITNESS, id, signature: concatBytes(uint64(seconds), signature) };
  return formatSignedNote(note.text, [...note.signatures, line]);
}

function witnessVkey(): string {
  return formatVkey(WITNESS, 4, Buffer.from(signerOf(WITNESS).jwk.x, 'base64url'));
}

function sdJwt({ leaf, disclosed }: TestRecorded, select: Parameters<typeof disclosuresFor>[1]): string {
  return formatSdJwt(utf8Text(leaf), disclosuresFor(disclosed, select));
}

/** What somebody needs to make these files again, and the results that are worth comparing on the way. */
function putValues(golden: Golden, first: TestRecorded): void {
  const { log, one, two, key } = golden;
  const keyOf = (name: string): JsonObject => {
    const { kid, jwk } = signerOf(name);
    const seed = Buffer.from(bytesOf(`key ${name}`)).toString('hex');
    return { kid, jwk: jwk as unknown as JsonObject, seed };
  };
  const last = parseBatch(golden.files.get('batches/00000000000000000004')!);
  golden.putJson('values.json', {
    gen: log.genesis.gen,
    vkey: key.vkey,
    witness: witnessVkey(),
    writers: { one: one.id, two: two.id },
    keys: Object.fromEntries(
      ['root a', 'root b', 'root c', 'writer one', 'writer two', 'checkpoint one'].map((name) => [name, keyOf(name)]),
    ),
    size: log.state.size,
    root: last.header.root,
    lastBatchSha256: toBase64Url(last.sha256),
    event: {
      index: 1,
      disclosures: disclosuresFor(first.disclosed, 'all').length,
      leaf: parseEntry(entryBytes(utf8Text(first.leaf))).payload.jti,
    },
  });
}
