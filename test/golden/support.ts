/** A small ledger made by hand, with keys and identifiers that never change. Not a test. */
import { createCipheriv, createPrivateKey, createPublicKey, sign } from 'node:crypto';
import { makeApproval } from '../../src/core/ledger/approval.ts';
import type { Approval } from '../../src/core/ledger/approval.ts';
import { encodeBatch } from '../../src/core/log/batch.ts';
import { leafFacts, planBatch } from '../../src/core/log/batch-plan.ts';
import type { BatchDraft } from '../../src/core/log/batch-plan.ts';
import { toBase64Url, utf8Bytes } from '../../src/core/platform/bytes.ts';
import { canonicalJson } from '../../src/core/json/canonical-json.ts';
import { plainKinds } from '../../src/core/ledger/ctl.ts';
import { DEFAULT_DEPTHS, discloseRecord, formatDsc } from '../../src/core/record/disclosure.ts';
import type { DisclosedRecord, RecordParts } from '../../src/core/record/disclosure.ts';
import { ENTRY_TYP, entryBytes, parseEntry } from '../../src/core/entry/entry.ts';
import type { EntryPayload } from '../../src/core/entry/entry.ts';
import { makeGenesis, parseGenesis } from '../../src/core/ledger/genesis.ts';
import type { Genesis, GenesisDraft } from '../../src/core/ledger/genesis.ts';
import { jwkThumbprint, signJws } from '../../src/core/json/jws.ts';
import type { JwsSigner, PublicJwk } from '../../src/core/json/jws.ts';
import { applyBatch, initialState } from '../../src/core/log/state.ts';
import type { Acceptance, LogState } from '../../src/core/log/state.ts';
import { sha256, sha256Base64Url } from '../../src/core/platform/platform.node.ts';
import { formatCheckpoint } from '../../src/core/tree/checkpoint.ts';
import { hashLeaf, parseSha256Hash } from '../../src/core/tree/hash.ts';
import { completeProof, planInclusion, planNodes } from '../../src/core/tree/proof.ts';
import { recordHmac } from '../../src/core/record/hmac.ts';
import { takeValues } from '../../src/core/record/sealed-values.ts';
import type { StoredRecord } from '../../src/core/record/record.ts';
import { formatTlogProof } from '../../src/core/tree/tlog-proof.ts';
import { formatSignedNote, parseVkey } from '../../src/core/tree/signed-note.ts';
import { makeCertificate, vkeyOf } from '../../src/core/ledger/statement.ts';
import type { Statement } from '../../src/core/ledger/statement.ts';
import type { JsonObject, JsonValue } from '../../src/core/json/strict-json.ts';
import { edgeRoot, emptyEdge, extendEdge, parseLeafIndex, parseTreeSize } from '../../src/core/tree/tree.ts';
import { makeUuid7 } from '../../src/core/entry/uuid7.ts';

/** 32 bytes that belong to a name. */
export function bytesOf(name: string): Uint8Array {
  return sha256(utf8Bytes(`stele golden ${name}`));
}

/** Base64url of the first `length` of {@link bytesOf}. */
export function idOf(name: string, length = 16): string {
  return toBase64Url(bytesOf(name).subarray(0, length));
}

/** An Ed25519 signer whose seed belongs to a name. */
export function signerOf(name: string): JwsSigner {
  const pkcs8 = Buffer.concat([
    Buffer.from('302e020100300506032b657004220420', 'hex'),
    bytesOf(`key ${name}`),
  ]);
  const key = createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' });
  const { x } = createPublicKey(key).export({ format: 'jwk' });
  const jwk: PublicJwk = { crv: 'Ed25519', kty: 'OKP', x: x! };
  return {
    alg: 'Ed25519',
    kid: jwkThumbprint(jwk),
    jwk,
    sign: async (bytes) => Promise.resolve(new Uint8Array(sign(null, bytes, key))),
  };
}

/** Genesis of a ledger with two root keys of which one suffices. */
export function genesisDraft(changes: Partial<GenesisDraft> = {}): GenesisDraft {
  return {
    origin: 'stele.example/golden',
    roots: { threshold: 1, keys: [signerOf('root a').jwk, signerOf('root b').jwk], next: [] },
    classes: {
      short: { mode: 'governance', days: 30, erasable: true, ground: null },
      standard: { mode: 'compliance', days: 365, erasable: false, ground: 'PCI DSS 10.5.1' },
    },
    fallbackClass: 'standard',
    labels: ['env', 'event_name'],
    limits: { batchEntries: 1000, batchBytes: 4194304, headerBytes: 262144, entryBytes: 65535 },
    maxSealMs: 60000,
    maxDecisionMs: 5000,
    heartbeatMs: 300000,
    batchLock: { mode: 'compliance', days: 365 },
    policy: { id: idOf('policy one', 32), approvals: [] },
    weakStore: false,
    predecessor: null,
    time: 1767225600000,
    ...changes,
  };
}

/** A writer of the test ledger: its key, its boot and its chain. */
export interface TestWriter {
  readonly name: string;
  readonly id: string;
  readonly signer: JwsSigner;
  readonly cert: Statement;
  boot: string;
  seq: number;
  prev: string;
}

/** Members of an entry that a test sets itself. */
export type EntryChanges = Partial<EntryPayload> & { readonly ctl?: JsonObject };

/** Time of the first entry; each further one is a second later. */
export const START = 1767225601000;

/** What is asked about entries other than events. */
const ENTRYPOINTS: Readonly<Record<string, string>> = { access: 'stele/read', policy: 'stele/admin' };

function isDecided(kind: string, ctl: JsonObject | undefined): boolean {
  return kind === 'policy' ? ctl?.['act'] === 'activate' : plainKinds.some((plain) => plain === kind);
}

/** A ledger in memory that seals what it is given, for tests of formats. */
export class MiniLog {
  readonly genesis: Genesis;
  readonly roots: readonly JwsSigner[];
  state: LogState;
  #made = 0;

  constructor(genesis: Genesis, roots: readonly JwsSigner[]) {
    this.genesis = genesis;
    this.roots = roots;
    this.state = initialState(genesis);
  }

  static async create(
    changes: Partial<GenesisDraft> = {},
    roots: readonly JwsSigner[] = [signerOf('root a')],
  ): Promise<MiniLog> {
    return new MiniLog(parseGenesis(await makeGenesis(genesisDraft(changes), roots)), roots);
  }

  async writer(name: string): Promise<TestWriter> {
    const signer = signerOf(`writer ${name}`);
    const id = idOf(`writer ${name}`);
    const fields = { gen: this.genesis.gen, use: 'writer' as const, jwk: signer.jwk, writer: id };
    const cert = await makeCertificate(fields, this.roots);
    return { name, id, signer, cert, boot: idOf(`boot ${name} 0`), seq: 0, prev: this.genesis.gen };
  }

  /** The payload of the next entry of a writer; does not move the writer. */
  payload(writer: TestWriter, kind: string, changes: EntryChanges = {}): EntryPayload {
    const at = changes.at ?? START + this.#made * 1000;
    const number = this.#made;
    this.#made += 1;
    const payload = {
      v: 1,
      iss: this.genesis.origin,
      gen: this.genesis.gen,
      jti: makeUuid7(at, bytesOf(`jti ${number}`).subarray(0, 10)),
      iat: Math.floor(at / 1000),
      at,
      kind,
      ret: { class: 'standard', mode: 'compliance', until: at - (at % 1000) + 31536000000 },
      sby: at + 60000,
      wtr: { id: writer.id, boot: writer.boot, seq: writer.seq, prev: writer.prev },
      ...(isDecided(kind, changes.ctl) ? this.#decided(kind, number) : {}),
      ...changes,
    };
    // A member that a test sets to undefined is left out.
    const given = Object.entries<unknown>(payload).filter(([, value]) => value !== undefined);
    return Object.fromEntries(given) as unknown as EntryPayload;
  }

  /** What an entry has that a policy decided: who decided it, and digests of a record that nobody stored. */
  #decided(kind: string, number: number): EntryChanges {
    const id = this.genesis.policy?.id ?? (kind === 'policy' ? this.state.activePolicy : null);
    const entrypoint = ENTRYPOINTS[kind] ?? 'stele/append';
    return {
      ...(id !== null && { pol: { id, entrypoint, allow: kind !== 'denial' } }),
      dsc: formatDsc(DEFAULT_DEPTHS),
      _sd: ['input', 'result', 'source'].map((part) => idOf(`${part} ${number}`, 32)).sort(),
      _sd_alg: 'sha-256',
    };
  }

  /** Signs the next entry of a writer and moves it on. */
  async entry(writer: TestWriter, kind: string, changes: EntryChanges = {}): Promise<Uint8Array> {
    const payload = this.payload(writer, kind, changes);
    const jws = await signJws(ENTRY_TYP, payload as unknown as JsonValue, writer.signer);
    writer.seq = payload.wtr.seq + 1;
    writer.prev = sha256Base64Url(jws.slice(0, jws.lastIndexOf('.')));
    return entryBytes(jws);
  }

  /** A draft of the next batch with everything that a test does not set. */
  draft(writer: TestWriter, leaves: readonly Uint8Array[], changes: Partial<BatchDraft> = {}): BatchDraft {
    return {
      id: idOf(`batch ${this.state.number + 1}`),
      writer: { id: writer.id, boot: writer.boot },
      certs: [writer.cert],
      leaves: leaves.map((bytes) => ({ ...leafFacts(parseEntry(bytes)), bytes })),
      time: START + this.#made * 1000,
      mode: 'compliance',
      retainUntil: 1798848000000,
      ...changes,
    };
  }

  /** Plans and signs a batch without applying it. */
  async batch(
    writer: TestWriter,
    leaves: readonly Uint8Array[],
    changes: Partial<BatchDraft> = {},
  ): Promise<Uint8Array> {
    const { header } = planBatch(this.state, this.draft(writer, leaves, changes));
    return encodeBatch(header, leaves, writer.signer);
  }

  /** Applies a batch. @throws when it is refused. */
  apply(bytes: Uint8Array, versionId = `v${this.state.number + 1}`): Acceptance {
    const verdict = applyBatch(this.state, bytes, versionId);
    if (!verdict.ok) throw new Error(`${verdict.reason}: ${verdict.detail}`);
    this.state = verdict.state;
    return verdict;
  }

  /** Plans, signs and applies a batch. */
  async seal(
    writer: TestWriter,
    leaves: readonly Uint8Array[],
    changes: Partial<BatchDraft> = {},
  ): Promise<Uint8Array> {
    const bytes = await this.batch(writer, leaves, changes);
    this.apply(bytes);
    return bytes;
  }
}

/** A checkpoint key of the ledger, with its certificate. */
export interface TestCheckpointKey {
  readonly vkey: string;
  readonly signer: JwsSigner;
  readonly cert: Statement;
}

/** Makes a checkpoint key of a name and has it certified. */
export async function checkpointKey(log: MiniLog, name = 'one'): Promise<TestCheckpointKey> {
  const signer = signerOf(`checkpoint ${name}`);
  const vkey = vkeyOf(log.genesis.origin, signer.jwk)!;
  const fields = { gen: log.genesis.gen, use: 'checkpoint' as const, jwk: signer.jwk, vkey };
  return { vkey, signer, cert: await makeCertificate(fields, log.roots) };
}

/** Signs a tree head as a note. */
export async function signHead(
  key: TestCheckpointKey,
  origin: string,
  size: number,
  root: Uint8Array,
): Promise<string> {
  const head = { origin, size: parseTreeSize(size), root: parseSha256Hash(root), extensions: [] };
  const text = formatCheckpoint(head);
  const { name, id } = parseVkey(key.vkey);
  const signature = await key.signer.sign(utf8Bytes(text));
  return formatSignedNote(text, [{ name, id, signature }]);
}

/** Signs the head of a log as it stands. */
export async function checkpointOf(log: MiniLog, key: TestCheckpointKey): Promise<string> {
  return signHead(key, log.genesis.origin, log.state.size, edgeRoot(log.state.edge));
}

/** The facts of an entry that begins a boot. */
export function bootFacts(log: MiniLog, changes: JsonObject = {}): EntryChanges {
  return {
    ctl: { prevBoot: null, lastSeq: null, policy: log.genesis.policy?.id ?? null, ...changes },
  };
}

/** A person's key, certified by the roots of the ledger. */
export interface TestPerson {
  readonly person: string;
  readonly signer: JwsSigner;
  readonly cert: Statement;
}

/** Certifies the key of a name for a person. */
export async function personOf(
  log: Pick<MiniLog, 'genesis' | 'roots'>,
  person: string,
  use: 'approver' | 'author' = 'approver',
  key = `${use} ${person}`,
): Promise<TestPerson> {
  const signer = signerOf(key);
  const fields = { gen: log.genesis.gen, use, jwk: signer.jwk, person };
  return { person, signer, cert: await makeCertificate(fields, log.roots) };
}

/** Long after everything that tests make. */
export const EXPIRY = 1798000000000;

/** What an approver of the ledger signs; all but the policies may be left out. */
export async function approvalOf(
  log: Pick<MiniLog, 'genesis'>,
  { person, signer }: Pick<TestPerson, 'person' | 'signer'>,
  fields: Partial<Approval> & Pick<Approval, 'id' | 'digest' | 'previous'>,
): Promise<string> {
  const { gen } = log.genesis;
  const rest = { v: 1 as const, gen, change: 'update' as const, expiry: EXPIRY, person };
  return makeApproval({ ...rest, ...fields }, signer);
}

/** The facts of an activation of a policy by `ann` and `ben`, of a bundle that `cid` signed. */
export async function approvedActivation(
  log: MiniLog,
  id: string,
  changes: JsonObject = {},
): Promise<JsonObject> {
  const people = [await personOf(log, 'ann'), await personOf(log, 'ben')];
  const author = await personOf(log, 'cid', 'author');
  const previous = log.state.activePolicy;
  const digest = idOf(`bundle of ${id}`, 32);
  const change = (changes['change'] ?? 'update') as Approval['change'];
  const approve = async (person: TestPerson): Promise<string> =>
    approvalOf(log, person, { id, digest, previous, change });
  return {
    act: 'activate',
    id,
    digest,
    revision: null,
    previous,
    signer: author.signer.kid,
    approvals: await Promise.all(people.map(approve)),
    certificates: [...people, author].map(({ cert }) => [...cert]),
    needed: 2,
    change,
    grace: 600000,
    activation: null,
    ...changes,
  };
}

/** `pol` of an allowed event under the policy of genesis, where that has one. */
export function allowed(log: MiniLog): EntryChanges {
  return { pol: { id: log.genesis.policy?.id ?? null, entrypoint: 'stele/append', allow: true } };
}

/** An entry with its stored record and all its disclosures. */
export interface TestRecorded {
  readonly leaf: Uint8Array;
  readonly record: StoredRecord;
  readonly disclosed: DisclosedRecord;
}

/** The event of {@link recordParts} as it arrived: not in its canonical form. */
export const RAW_EVENT =
  '{ "tags": ["a","b"], "amount": 12.0,\n "actor": {"mail":"ada@example.org","id":"u-17"} }\n';

/** What is recorded about an event that the policy of genesis allowed. */
export function recordParts(at: number, rawHmac: string | null = null): RecordParts {
  return {
    input: {
      action: { name: 'append' },
      event: { actor: { id: 'u-17', mail: 'ada@example.org' }, amount: 12, tags: ['a', 'b'] },
      subject: { id: 'svc-1', type: 'service' },
      time: { ms: at, rfc3339: new Date(at).toISOString() },
    },
    result: { allow: true, class: 'standard', labels: { env: 'test' }, reasons: ['owner'] },
    source: {
      auth: { issuer: null, key_id: 'k1', method: 'api_key', subject: 'svc-1', token_sha256: null },
      media_type: 'application/json',
      producer: null,
      raw_hmac: rawHmac,
    },
  };
}

/** A compact JWE (`dir`, `A256GCM`) whose key, key id and IV belong to a name. */
export function sealSet(name: string, plain: JsonValue): string {
  const header = toBase64Url(
    utf8Bytes(`{"alg":"dir","enc":"A256GCM","kid":"${idOf(`subject key ${name}`)}"}`),
  );
  const iv = bytesOf(`iv ${name}`).subarray(0, 12);
  const cipher = createCipheriv('aes-256-gcm', bytesOf(`subject key ${name} secret`), iv);
  cipher.setAAD(utf8Bytes(header));
  const sealed = Buffer.concat([cipher.update(canonicalJson(plain)), cipher.final()]);
  const parts = [iv, sealed, cipher.getAuthTag()].map((bytes) => toBase64Url(bytes));
  return `${header}..${parts.join('.')}`;
}

/** Makes and signs an entry with a record; `sealed` names what is sealed to each subject. */
export async function recorded(
  log: MiniLog,
  writer: TestWriter,
  changes: EntryChanges = {},
  sealed: readonly (readonly string[])[] = [],
): Promise<TestRecorded> {
  const draft = log.payload(writer, 'event', { ...allowed(log), lbl: { env: 'test' }, ...changes });
  const { jti } = draft;
  const key = bytesOf(`record key ${jti}`);
  const rawHmac = sealed.length > 0 ? null : recordHmac('raw', { jti, key }, RAW_EVENT);
  const parts = recordParts(draft.at, rawHmac);
  const sets = sealed.map((pointers, i) => ({ pointers, key: bytesOf(`set key ${i} ${jti}`) }));
  const disclosed = discloseRecord({ jti, key, depth: DEFAULT_DEPTHS, parts, sealed: sets });
  const rest = takeValues(parts, sealed.flat());
  const valuesAt = (pointers: readonly string[]): JsonValue[] =>
    takeValues(parts, pointers).values;
  const record: StoredRecord = {
    v: 1,
    jti,
    key: toBase64Url(key),
    ...rest.parts,
    sealed: sets.map(({ pointers }, i) => ({
      pointers,
      digests: disclosed.sealed[i]!,
      jwe: sealSet(`${i} ${jti}`, { key: toBase64Url(sets[i]!.key), values: valuesAt(pointers) }),
    })),
  };
  const leaf = await log.entry(writer, 'event', {
    ...draft,
    dsc: formatDsc(DEFAULT_DEPTHS),
    _sd: disclosed.sd,
    _sd_alg: 'sha-256',
    ...changes,
  });
  return { leaf, record, disclosed };
}

/** The tlog-proof of a leaf of a small log, whose leaves are all given. */
export async function proofOf(
  log: MiniLog,
  key: TestCheckpointKey,
  leaves: readonly Uint8Array[],
  index: number,
): Promise<string> {
  const plan = planInclusion(parseLeafIndex(index), parseTreeSize(leaves.length));
  const hashes = planNodes(plan).map(({ level, index: at }) => {
    const width = 2 ** level;
    const inside = leaves.slice(at * width, (at + 1) * width).map(hashLeaf);
    return edgeRoot(extendEdge(emptyEdge(), inside));
  });
  const path = completeProof(plan, hashes);
  const checkpoint = await checkpointOf(log, key);
  return formatTlogProof({ index: parseLeafIndex(index), path, checkpoint });
}
