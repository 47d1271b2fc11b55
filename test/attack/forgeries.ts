/** Attacks of somebody who has a key: of a writer, of checkpoints, or one of his own making. Not a test. */
import { gzipSync } from 'node:zlib';
import type { BatchHeader } from '../../src/core/log/batch-header.ts';
import { canonicalJson } from '../../src/core/json/canonical-json.ts';
import { concatBytes, toBase64Url, utf8Bytes, utf8Text } from '../../src/core/platform/bytes.ts';
import { parseEntry } from '../../src/core/entry/entry.ts';
import { signJws } from '../../src/core/json/jws.ts';
import { sha256, sha256Base64Url } from '../../src/core/platform/platform.node.ts';
import { formatRecord } from '../../src/core/record/record.ts';
import { makeCertificate, makeKeyStatement } from '../../src/core/ledger/statement.ts';
import type { Statement } from '../../src/core/ledger/statement.ts';
import type { JsonValue } from '../../src/core/json/strict-json.ts';
import { frameEntries } from '../../src/core/tree/tile.ts';
import {
  bootFacts,
  checkpointKey,
  idOf,
  recordParts,
  signerOf,
  signHead,
} from '../golden/support.ts';
import type { EntryChanges, MiniLog, TestWriter } from '../golden/support.ts';
import {
  activation,
  adoption,
  decidedBy,
  flip,
  identity,
  keys,
  policyTwo,
  shortLived,
  World,
} from './support.ts';
import type { Attack, Drafted, RecordChanges, SealChanges } from './support.ts';

const thief = signerOf('thief');
const policyThree = idOf('policy three', 32);

/** Seals entries in the name of the first writer, and publishes as an honest gateway would go on to do. */
function sealing(
  make: (world: World) => Promise<readonly Drafted[]>,
  changes: SealChanges | ((world: World) => SealChanges | Promise<SealChanges>) = {},
): Attack['act'] {
  return async (world) => {
    const drafted = await make(world);
    const given = typeof changes === 'function' ? await changes(world) : changes;
    await world.seal(world.one, drafted, given);
    await world.publish();
    return undefined;
  };
}

/** One heartbeat, in a batch that departs from the ordinary. */
const beating = (changes: Parameters<typeof sealing>[1]): Attack['act'] =>
  sealing(async (w) => [await beat(w)], changes);

/** One event with its record, departing from the ordinary. */
const recording = (changes: RecordChanges, batch: SealChanges = {}): Attack['act'] =>
  sealing(async (w) => [await event(w, changes)], batch);

const beat = async (w: World, changes: EntryChanges = {}): Promise<Drafted> =>
  w.entry(w.one, 'heartbeat', { ctl: {}, ...changes });

const event = async (w: World, changes: RecordChanges = {}): Promise<Drafted> =>
  w.recorded(w.one, { ...changes, leaf: { ...decidedBy(policyTwo, true), ...changes.leaf } });

const header =
  (change: (header: BatchHeader) => Partial<BatchHeader>) =>
  (planned: BatchHeader): BatchHeader => ({ ...planned, ...change(planned) });

/** A certificate of a writer key, by whatever root. */
const certificate = async (
  w: World,
  roots: MiniLog['roots'],
  jwk = thief.jwk,
  gen = w.log.genesis.gen,
): Promise<Statement> => makeCertificate({ gen, use: 'writer', jwk, writer: w.one.id }, roots);

/** A writer that is the first one but for its key. */
const impostor = (w: World): TestWriter => ({ ...w.one, signer: thief });

/** Signatures and certificates. */
const keysAttacked: readonly Attack[] = [
  {
    name: 'a batch signed by another key, under the certificate of the writer',
    act: beating({ signer: thief }),
    found: ['void_batch'],
    says: 'invalid_header',
  },
  {
    name: 'a batch of a key that certified itself',
    act: beating(async (w) => {
      const cert = await certificate(w, [thief]);
      return { signer: thief, draft: { certs: [w.one.cert, cert] } };
    }),
    found: ['void_batch'],
    says: 'is not a root key',
  },
  {
    name: 'a batch of a key that the root of another ledger certified',
    act: beating(async (w) => {
      const other = await World.found({ time: 1_767_139_200_000 });
      const cert = await certificate(w, w.log.roots, thief.jwk, other.log.genesis.gen);
      return { signer: thief, draft: { certs: [w.one.cert, cert] } };
    }),
    found: ['void_batch'],
    says: 'is of another ledger',
  },
  {
    name: 'a batch of the checkpoint key',
    act: beating((w) => ({
      signer: w.key.signer,
      draft: { certs: [w.one.cert, w.key.cert] },
    })),
    found: ['void_batch'],
    says: 'is no writer key',
  },
  {
    name: 'a batch of a writer in the name of another',
    act: beating((w) => ({ draft: { writer: { id: w.two.id, boot: w.two.boot } } })),
    found: ['void_batch'],
    says: 'is of another writer',
  },
  {
    name: 'a batch of a writer whose key was retired',
    act: beating((w) => ({
      signer: w.two.signer,
      draft: { writer: { id: w.two.id, boot: w.two.boot }, certs: [w.one.cert, w.two.cert] },
    })),
    found: ['void_batch'],
    says: 'is retired',
  },
  {
    name: 'a certified key moved to another writer by a second certificate',
    act: beating(async (w) => {
      const fields = { gen: w.log.genesis.gen, use: 'writer', jwk: w.one.signer.jwk } as const;
      const cert = await makeCertificate({ ...fields, writer: w.two.id }, w.log.roots);
      return { draft: { certs: [cert] } };
    }),
    found: ['void_batch'],
    says: 'another purpose',
  },
  {
    name: 'an entry of a key that nobody certified',
    act: sealing(async (w) => [await w.entry(impostor(w), 'heartbeat', { ctl: {} })]),
    found: ['void_batch'],
    says: 'has no certificate',
  },
  {
    name: 'an entry re-signed by another key, under the name of the certified one',
    act: sealing(async (w) => {
      const { leaf } = await beat(w);
      const jws = utf8Text(leaf);
      const input = jws.slice(0, jws.lastIndexOf('.'));
      const signature = toBase64Url(await thief.sign(utf8Bytes(input)));
      return [{ leaf: utf8Bytes(`${input}.${signature}`), line: null }];
    }),
    found: ['leaf_signature'],
  },
  {
    name: 'an entry of one writer in the name of another',
    act: sealing(async (w) => {
      const wtr = { id: w.two.id, boot: w.two.boot, seq: 9, prev: w.two.prev };
      return [await beat(w, { wtr })];
    }),
    found: ['void_batch'],
    says: 'is of another writer',
  },
  {
    name: 'an entry of a retired key, not listed as late',
    act: sealing(async (w) => [await w.entry(w.two, 'heartbeat', { ctl: {} })], {
      header: header(() => ({ late: [] })),
    }),
    found: ['void_batch'],
    says: 'not listed as late',
  },
  {
    name: 'an entry of a retired key after its last, listed as late',
    act: sealing(async (w) => [await w.entry(w.two, 'heartbeat', { ctl: {} })]),
    found: ['void_batch'],
    says: 'was retired before this leaf',
  },
  {
    name: 'an entry listed as late whose key is not retired',
    act: beating({ header: header(() => ({ late: [0] })) }),
    found: ['void_batch'],
    says: 'is not retired',
  },
  {
    name: 'a revocation that the root did not sign',
    act: sealing(async (w) => {
      const { gen } = w.log.genesis;
      const says = { v: 1, gen, act: 'revoke', kid: w.one.signer.kid, use: 'writer' } as const;
      const statement = await makeKeyStatement({ ...says, reason: 'stolen' }, [thief]);
      return [await w.entry(w.one, 'key', { ctl: { statement: [...statement] } })];
    }),
    found: ['bad_statement'],
  },
  {
    name: 'a configuration that the root did not sign',
    act: sealing(async (w) => {
      const { gen } = w.log.genesis;
      const set = { v: 1, gen, previous: gen, set: { maxSealMs: 1_000_000_000 } };
      const statement = [await signJws('stele-config+jwt', set, thief)];
      return [await w.entry(w.one, 'config', { ctl: { statement } })];
    }),
    found: ['bad_statement'],
  },
  {
    name: 'entries of another writer declared lost, without the root',
    act: sealing(async (w) => {
      const lost = { writer: w.two.id, boot: w.two.boot, first: 2, last: null };
      return [await w.entry(w.one, 'gap', { ctl: { ...lost, reason: 'disk_lost' } })];
    }),
    found: ['bad_statement'],
  },
];

/** The place in the log: what comes before, the tree, the list of what was passed over. */
const placesAttacked: readonly Attack[] = [
  {
    name: 'another root in the header',
    act: beating({ header: header(() => ({ root: idOf('other root', 32) })) }),
    found: ['void_batch'],
    says: 'invalid_tree',
  },
  {
    name: 'another right edge in the header',
    act: beating({ header: header(({ edge }) => ({ edge: edge.toReversed() })) }),
    found: ['void_batch'],
    says: 'invalid_tree',
  },
  {
    name: 'a size that leaves a leaf out',
    act: beating({ header: header(({ size }) => ({ size: size - 1 })) }),
    found: ['void_batch'],
    says: 'invalid_tree',
  },
  {
    name: 'another hash of the batch before',
    act: beating({
      header: header(({ previous }) => ({
        previous: { ...previous, sha256: idOf('other batch', 32) },
      })),
    }),
    found: ['void_batch'],
    says: 'invalid_previous',
  },
  {
    name: 'another version of the batch before',
    act: beating({
      header: header(({ previous }) => ({ previous: { ...previous, versionId: 'm0' } })),
    }),
    found: ['version_mismatch'],
  },
  {
    name: 'another hash of the leaves',
    act: beating({
      header: header(({ sections }) => ({
        sections: sections.map((one) => ({ ...one, sha256: idOf('other leaves', 32) })),
      })),
    }),
    found: ['void_batch'],
    says: 'invalid_sections',
  },
  {
    name: 'a leaf that the header does not count',
    act: beating({
      bytes: (bytes) => concatBytes(bytes, frameEntries([utf8Bytes('one more')])),
    }),
    found: ['void_batch'],
    says: 'invalid_sections',
  },
  {
    name: 'runs that are not those of the leaves',
    act: beating({
      header: header(({ runs }) => ({ runs: runs.map((run) => ({ ...run, first: 0 })) })),
    }),
    found: ['void_batch'],
    says: 'runs are not',
  },
  {
    name: 'control entries that the header does not list',
    act: beating({ header: header(() => ({ control: [] })) }),
    found: ['void_batch'],
    says: 'control is not',
  },
  {
    name: 'more leaves than genesis allows',
    act: sealing(async (w) => {
      const { leaf } = await beat(w);
      return Array.from({ length: 1001 }, () => ({ leaf, line: null }));
    }),
    found: ['void_batch'],
    says: 'over_limit',
  },
  {
    name: 'a batch of the ledger in the place of another ledger',
    act: beating({ header: header(() => ({ gen: idOf('other genesis', 32) })) }),
    found: ['void_batch'],
    says: 'invalid_header',
  },
  {
    name: 'a batch that passes over a valid one as if it were void',
    async act(w) {
      const { state } = w.log;
      const skipped = await w.seal(w.one, [await beat(w)]);
      w.log.state = state;
      w.leaves.pop();
      const { sha256: hash, versionId } = { sha256: idOf('any', 32), versionId: 'm1' };
      const voids = [{ number: skipped.number, versionId, size: 1, sha256: hash }];
      await w.seal(w.one, [await beat(w)], { draft: { voids } });
      w.leaves.pop();
      return undefined;
    },
    found: ['void_batch'],
    says: 'invalid_previous',
  },
  {
    name: 'garbage passed over, and the rest of the ledger behind it',
    async act(w) {
      const voids = [await w.squat(utf8Bytes('garbage'))];
      await w.seal(w.one, [await beat(w)], { draft: { voids } });
      return undefined;
    },
    found: ['void_batch'],
    says: 'before batch 7',
    verdict: 'valid',
  },
  {
    name: 'garbage passed over, and other garbage named',
    async act(w) {
      const slot = await w.squat(utf8Bytes('garbage'));
      const voids = [{ ...slot, sha256: idOf('other garbage', 32) }];
      await w.seal(w.one, [await beat(w)], { draft: { voids } });
      return undefined;
    },
    found: ['void_batch', 'void_mismatch'],
  },
  {
    name: 'garbage passed over in silence',
    async act(w) {
      const voids = [await w.squat(utf8Bytes('garbage'))];
      const change = header(() => ({ voids: null }));
      await w.seal(w.one, [await beat(w)], { draft: { voids }, header: change });
      return undefined;
    },
    found: ['void_batch'],
    says: 'not accounted for',
  },
  {
    name: 'a batch after the one that said it was the last',
    async act(w) {
      await w.seal(w.one, [await beat(w)], { draft: { final: true } });
      await w.seal(w.one, [await beat(w)]);
      return undefined;
    },
    found: ['void_batch'],
    says: 'was the last',
  },
  {
    name: 'a batch in a format that is not known, by a certified key: stop, do not judge',
    act: beating({ header: header(() => ({ v: 2 as 1 })) }),
    found: [],
    says: 'unsupported_version',
    verdict: 'incomplete',
  },
];

/** Two histories, and checkpoints of trees that are not this one. */
const headsAttacked: readonly Attack[] = [
  {
    name: 'a fork by the same writer key, shown to a holder of a checkpoint of the other',
    async act(w) {
      const kept = await w.head();
      w.restore(4);
      await w.seal(w.one, [await beat(w)]);
      await w.publish();
      return { checkpoints: [kept] };
    },
    found: ['fork'],
  },
  {
    name: 'a fork in the past, longer than what was seen',
    async act(w) {
      const kept = await w.head();
      w.restore(1);
      for (let i = 0; i < 270; i += 30) {
        const beats: Drafted[] = [];
        for (let k = 0; k < 40; k += 1) beats.push(await beat(w));
        await w.seal(w.one, beats);
      }
      await w.publish();
      return { checkpoints: [kept] };
    },
    found: ['fork'],
  },
  {
    name: 'a fork, shown to somebody who kept a checkpoint of a size inside a batch',
    async act(w) {
      const kept = await w.head(100);
      w.restore(1);
      const beats: Drafted[] = [];
      for (let k = 0; k < 200; k += 1) beats.push(await beat(w));
      await w.seal(w.one, beats);
      await w.publish();
      return { checkpoints: [kept] };
    },
    found: ['fork'],
  },
  {
    name: 'a published checkpoint of another tree, by the key of the log',
    async act(w) {
      const note = await w.head(w.leaves.length, sha256(utf8Bytes('another tree')));
      w.derive(keys.checkpoint, utf8Bytes(note));
      return undefined;
    },
    found: ['fork'],
  },
  {
    name: 'a published checkpoint of a longer log, by the key of the log',
    async act(w) {
      const note = await w.head(9999, sha256(utf8Bytes('another tree')));
      w.derive(keys.checkpoint, utf8Bytes(note));
      return undefined;
    },
    found: ['tail_cut'],
  },
  {
    name: 'a published checkpoint by another key of the same name',
    async act(w) {
      const other = await checkpointKey(w.log, 'thief');
      const { origin } = w.log.genesis;
      const note = await signHead(other, origin, w.leaves.length, w.rootOf(w.leaves.length));
      w.derive(keys.checkpoint, utf8Bytes(note));
      return undefined;
    },
    found: ['bad_checkpoint'],
    says: 'note_unverified',
  },
  {
    name: 'a checkpoint of another tree in a batch, by the key of the log',
    act: beating(async (w) => ({
      draft: {
        certs: [w.one.cert, w.key.cert],
        checkpoints: [await w.head(7, sha256(utf8Bytes('another tree')))],
      },
    })),
    found: ['bad_checkpoint'],
  },
  {
    name: 'a checkpoint of another tree in a batch, of a size inside another batch',
    act: beating(async (w) => ({
      draft: {
        certs: [w.one.cert, w.key.cert],
        checkpoints: [await w.head(100, sha256(utf8Bytes('another tree'))), await w.head(2)],
      },
    })),
    found: ['bad_checkpoint'],
    says: 'root of size 100 differs',
  },
  {
    name: 'a checkpoint in a batch by a key that nobody certified',
    act: beating(async (w) => {
      const other = await checkpointKey(w.log, 'thief');
      const { origin } = w.log.genesis;
      const checkpoints = [await signHead(other, origin, 7, w.rootOf(7))];
      return { draft: { certs: [w.one.cert, w.key.cert], checkpoints } };
    }),
    found: ['bad_checkpoint'],
  },
  {
    name: 'a checkpoint in a batch of a tree that is not there yet',
    act: beating(async (w) => ({
      draft: {
        certs: [w.one.cert, w.key.cert],
        checkpoints: [await w.head(9999, sha256(utf8Bytes('a tree to come')))],
      },
    })),
    found: ['bad_checkpoint'],
  },
  {
    name: 'something in a batch that is no checkpoint',
    act: beating((w) => ({
      draft: { certs: [w.one.cert, w.key.cert], checkpoints: ['nonsense'] },
    })),
    found: ['bad_checkpoint'],
  },
];

/** Entries: counters, ids, chains, and control facts without authority. */
const entriesAttacked: readonly Attack[] = [
  {
    name: 'a counter that occurs twice',
    act: sealing(async (w) => {
      const { boot, prev, seq, id } = w.one;
      return [await beat(w), await beat(w, { wtr: { id, boot, prev, seq } })];
    }),
    found: ['void_batch'],
    says: 'invalid_leaves',
  },
  {
    name: 'a counter of an earlier batch',
    act: sealing(async (w) => {
      const { boot, prev, id } = w.one;
      return [await beat(w, { wtr: { id, boot, prev, seq: 1 } })];
    }),
    found: ['void_batch'],
    says: 'invalid_leaves',
  },
  {
    name: 'an id that occurs twice in a batch',
    act: sealing(async (w) => {
      const first = await beat(w);
      const { jti, at, iat } = parseEntry(first.leaf).payload;
      return [first, await beat(w, { jti, at, iat })];
    }),
    found: ['void_batch'],
    says: 'invalid_ids',
  },
  {
    name: 'an id that occurred earlier in the log',
    act: sealing(async (w) => {
      const { jti, at, iat } = parseEntry(w.leaves[8]!).payload;
      return [await beat(w, { jti, at, iat })];
    }),
    found: ['duplicate_jti'],
  },
  {
    name: 'a broken chain',
    act: sealing(async (w) => {
      const { id, boot, seq } = w.one;
      return [await beat(w, { wtr: { id, boot, seq, prev: idOf('other entry', 32) } })];
    }),
    found: ['chain_prev'],
  },
  {
    name: 'entries swapped in their chain, by a writer that numbers them anew',
    act: sealing(async (w) => {
      const { id, boot, seq, prev } = w.one;
      const first = await beat(w);
      const after = sha256Base64Url(parseEntry(first.leaf).signingInput);
      const second = await beat(w, { wtr: { id, boot, seq: seq + 1, prev } });
      return after === prev ? [] : [first, second];
    }),
    found: ['chain_prev'],
  },
  {
    name: 'numbers left out',
    act: sealing(async (w) => {
      const { id, boot, seq, prev } = w.one;
      return [await beat(w, { wtr: { id, boot, seq: seq + 5, prev } })];
    }),
    found: ['seq_hole'],
    verdict: 'valid',
  },
  {
    name: 'entries of a boot that never began',
    act: sealing(async (w) => {
      const { id, prev } = w.one;
      return [await beat(w, { wtr: { id, boot: idOf('secret boot'), seq: 4, prev } })];
    }),
    found: ['boot_missing'],
    verdict: 'valid',
  },
  {
    name: 'a journal restored from a copy: its boot knows less than the log',
    act: sealing(async (w) => {
      const { id, boot, prev } = w.one;
      const wtr = { id, boot: idOf('boot one 1'), seq: 0, prev };
      const knows = { prevBoot: boot, lastSeq: 3, policy: policyTwo };
      return [await w.entry(w.one, 'boot', { ...bootFacts(w.log, knows), wtr })];
    }),
    found: ['writer_clone'],
    verdict: 'valid',
  },
  {
    name: 'an entry of another ledger',
    act: sealing(async (w) => [await beat(w, { gen: idOf('other genesis', 32) })]),
    found: ['void_batch'],
    says: 'is of another ledger',
  },
  {
    name: 'a leaf that is no entry',
    act: sealing(async (w) => [await beat(w)], {
      bytes: (bytes) => flip(bytes.length - 90)(bytes),
    }),
    found: ['void_batch'],
    says: 'invalid_',
  },
  {
    name: 'sealed later than promised',
    act: sealing(async (w) => {
      const drafted = [await beat(w, { sby: w.time + 5000 })];
      w.time += 10_000;
      return drafted;
    }),
    found: ['late_seal'],
    verdict: 'valid',
  },
  {
    name: 'one idempotency key with two bodies',
    act: sealing(async (w) => [await event(w, { leaf: identity('first', 'another body') })]),
    found: ['idempotency_conflict'],
    verdict: 'valid',
  },
  {
    name: 'one idempotency key with one body, twice',
    act: sealing(async (w) => [await event(w, { leaf: identity('first') })]),
    found: ['duplicate_idk'],
    verdict: 'valid',
  },
  {
    name: 'a kind that is not known passes, and is reported',
    act: sealing(async (w) => [await w.entry(w.one, 'marvel')]),
    found: ['unknown_kind'],
    verdict: 'valid',
  },
  {
    name: 'a label that is not in the vocabulary',
    act: sealing(async (w) => [await beat(w, { lbl: { secret: 'x' } })]),
    found: ['unknown_label'],
    verdict: 'valid',
  },
];

/** Policies that decide without being in charge. */
const policiesAttacked: readonly Attack[] = [
  {
    name: 'decided by a policy that was not adopted',
    act: sealing(async (w) => [await event(w, { leaf: decidedBy(policyThree, true) })]),
    found: ['not_adopted'],
  },
  {
    name: 'an event that nothing decided',
    act: sealing(async (w) => [await w.entry(w.one, 'event')]),
    found: ['not_adopted', 'record_mismatch'],
    says: 'event that nothing decided',
  },
  {
    name: 'an event that was decided and left no record',
    act: sealing(async (w) => [await w.entry(w.one, 'event', decidedBy(policyTwo, true))]),
    found: ['record_mismatch'],
    says: 'commits to no record',
  },
  {
    name: 'an event that was denied',
    act: sealing(async (w) => [await w.entry(w.one, 'event', decidedBy(policyTwo, false))]),
    found: ['disagreement', 'record_mismatch'],
  },
  {
    name: 'a denial that allowed',
    act: sealing(async (w) => [await w.entry(w.one, 'denial', decidedBy(policyTwo, true))]),
    found: ['disagreement', 'record_mismatch'],
  },
  {
    name: 'decided by the policy before, which is not adopted any more',
    act: sealing(async (w) => [
      await event(w, { leaf: decidedBy(w.log.genesis.policy!.id, true) }),
    ]),
    found: ['not_adopted'],
  },
  {
    name: 'a policy adopted that nothing activated',
    act: sealing(async (w) => [
      await w.entry(w.one, 'policy', adoption(policyThree, 6)),
      await event(w, { leaf: decidedBy(policyThree, true) }),
    ]),
    found: ['not_activated'],
  },
  {
    name: 'an activation that a writer made up, adopted and followed',
    act: sealing(async (w) => [
      await w.entry(w.one, 'policy', await activation(w.log, policyThree, { approvals: [] })),
      await w.entry(w.one, 'policy', adoption(policyThree, w.leaves.length)),
      await event(w, { leaf: decidedBy(policyThree, true) }),
    ]),
    found: ['bad_approval', 'not_activated'],
    says: 'approvals_missing',
  },
  {
    name: 'an activation of somebody else, that does not follow on the policy in charge',
    act: sealing(async (w) => {
      const previous = w.log.genesis.policy!.id;
      return [await w.entry(w.one, 'policy', await activation(w.log, policyThree, { previous }))];
    }),
    found: ['no_effect'],
    verdict: 'valid',
  },
  {
    name: 'the policy before goes on deciding after the grace of its successor',
    async act(w) {
      w.restore(1);
      w.time += 700_000;
      const old = decidedBy(w.log.genesis.policy!.id, true);
      await w.seal(w.one, [await w.recorded(w.one, { leaf: old })]);
      await w.publish();
      return undefined;
    },
    found: ['silent_period', 'stale_policy'],
    verdict: 'valid',
  },
];

/** Records that are not what the leaf commits to, or say something else than it. */
const recordsAttacked: readonly Attack[] = [
  {
    name: 'two values committed under one name',
    act: recording({
      digests: (_sd, { parts }) => {
        const [input, ...others] = parts.map(({ digest, disclosure }) => ({ digest, disclosure }));
        const [salt, name, value] = JSON.parse(
          Buffer.from(input!.disclosure, 'base64url').toString(),
        ) as [string, string, { _sd: string[] }];
        const second = [
          'AAAAAAAAAAAAAAAAAAAAAA',
          'subject',
          { id: 'somebody else', type: 'person' },
        ];
        const digests = [...value._sd, sha256Base64Url(encoded(second))].sort();
        const twofold = encoded([salt, name, { _sd: digests }]);
        return [sha256Base64Url(twofold), ...others.map(({ digest }) => digest)].sort();
      },
    }),
    found: ['record_mismatch'],
    says: 'digest_mismatch',
  },
  {
    name: 'a leaf that allows over a result that denied',
    act: recording({
      parts: (at) => ({ ...recordParts(at), result: { allow: false, labels: { env: 'test' } } }),
    }),
    found: ['disagreement'],
    says: 'pol.allow',
  },
  {
    name: 'a leaf that denies over a result that allowed',
    act: recording({ leaf: decidedBy(policyTwo, false), kind: 'denial' }),
    found: ['disagreement'],
    says: 'pol.allow',
  },
  {
    name: 'a class that the result did not name',
    act: sealing(async (w) => [await event(w, { leaf: shortLived(w.time + 10) })]),
    found: ['disagreement'],
    says: 'ret.class',
  },
  {
    name: 'labels that the result did not give',
    act: recording({ leaf: { lbl: { env: 'production' } } }),
    found: ['disagreement'],
    says: 'lbl',
  },
  {
    name: 'a kind that the outcome does not have',
    act: recording({ kind: 'denial' }),
    found: ['disagreement'],
    says: 'kind',
  },
  {
    name: 'a time that is not the one that was decided at',
    act: recording({ parts: (at) => recordParts(at - 1) }),
    found: ['disagreement'],
    says: 'at',
  },
  {
    name: 'a record with another salt key',
    act: recording({ record: (record) => ({ ...record, key: idOf('other key', 32) }) }),
    found: ['record_mismatch'],
    says: 'digest_mismatch',
  },
  {
    name: 'a record with another value',
    act: recording({ record: (record) => ({ ...record, result: { allow: true } }) }),
    found: ['record_mismatch'],
    says: 'digest_mismatch',
  },
  {
    name: 'a record with something more in it',
    act: recording({ record: (record) => ({ ...record, more: 1 }) as typeof record }),
    found: ['missing_object', 'record_mismatch'],
    says: 'bad_record',
  },
  {
    name: 'records swapped between two entries',
    act: sealing(async (w) => {
      const [a, b] = [await event(w), await event(w)];
      const swap = (own: Drafted, other: Drafted): Drafted => ({
        ...own,
        line: formatRecord({ ...other.record!, jti: own.record!.jti }),
      });
      return [swap(a, b), swap(b, a)];
    }),
    found: ['record_mismatch'],
    says: 'digest_mismatch',
  },
  {
    name: 'a record left out',
    act: sealing(async (w) => [await event(w), await event(w)], {
      lines: (lines) => lines.slice(1),
    }),
    found: ['missing_object'],
    says: 'no record of entry',
  },
  {
    name: 'a record twice',
    act: sealing(async (w) => [await beat(w), await event(w)], {
      lines: (lines) => [...lines, ...lines],
    }),
    found: ['record_mismatch'],
    says: 'no leaf here waits',
  },
  {
    name: 'more records than leaves',
    act: sealing(async (w) => [await event(w)], { lines: (lines) => [...lines, '\n', '\n'] }),
    found: ['payload_mismatch'],
    says: 'more records than',
  },
  {
    name: 'checkpoints of sizes inside batches by the hundred, to keep the auditor busy',
    act: beating(async (w) => {
      const checkpoints: string[] = [];
      for (let size = 8; size < 80; size += 1) checkpoints.push(await w.head(size));
      return { draft: { certs: [w.one.cert, w.key.cert], checkpoints } };
    }),
    found: ['bad_checkpoint'],
    says: 'more than 64',
  },
  {
    name: 'a record of an entry of another batch',
    act: sealing(async (w) => [await event(w)], {
      lines: (lines) => lines.map((line) => line.replace(/"jti":"0/, '"jti":"1')),
    }),
    found: ['missing_object', 'record_mismatch'],
  },
  {
    name: 'a record in an object of a class that ends sooner',
    async act(w) {
      const drafted = [await event(w), await event(w)];
      const short = await w.short(w.one, { leaf: decidedBy(policyTwo, true) });
      let moved: readonly string[] = [];
      const lines = (all: readonly string[], name: string): readonly string[] => {
        if (name === 'short') return [...moved, ...all];
        moved = all.slice(1);
        return all.slice(0, 1);
      };
      await w.seal(w.one, [...drafted, short], { lines });
      await w.publish();
      return undefined;
    },
    found: ['payload_mismatch'],
    says: 'stands in short',
  },
  {
    name: 'an index of members that leads elsewhere',
    act: sealing(async (w) => [await event(w), await event(w)], {
      payload: (reference) => ({ ...reference, members: [[0, 1]] }),
    }),
    found: ['payload_mismatch'],
    says: 'its member has leaves 1 to 1',
  },
  {
    name: 'an index of members that does not begin at the beginning',
    act: sealing(async (w) => [await event(w)], {
      payload: (reference) => ({ ...reference, members: [[7, 0]] }),
    }),
    found: ['payload_mismatch'],
    says: 'first member',
  },
  {
    name: 'a payload object that is no gzip',
    act: recording({}, { stored: () => utf8Bytes('not compressed') }),
    found: ['payload_mismatch'],
    says: 'does not unpack',
  },
  {
    name: 'a payload object that is no text',
    act: sealing(async (w) => [await event(w)], {
      stored: () => gzipped(Uint8Array.of(0xff, 0x0a)),
    }),
    found: ['payload_mismatch'],
    says: 'does not unpack',
  },
  {
    name: 'a payload object that unpacks to more than memory has',
    act: sealing(async (w) => [await event(w)], {
      stored: () => gzipped(new Uint8Array(20_000_000)),
    }),
    found: ['payload_mismatch'],
    says: 'does not unpack',
  },
  {
    name: 'records in another place than that of records',
    act: recording({}, { payload: (reference) => ({ ...reference, key: keys.batch(0) }) }),
    found: ['payload_mismatch'],
    says: 'not one of records',
  },
  {
    name: 'records under a key that no store can hold',
    act: recording({}, { payload: (reference) => ({ ...reference, key: '../../etc//passwd' }) }),
    found: ['payload_mismatch'],
    says: 'not one of records',
  },
  {
    name: 'an entry whose record the batch has no object for',
    act: sealing(async (w) => [await event(w)], {
      header: (planned) => ({ ...planned, payloads: [] }),
    }),
    found: ['missing_object'],
    says: 'no object of standard, compliance',
  },
];

/** Locks that are declared for less than they have to be. */
const declarationsAttacked: readonly Attack[] = [
  {
    name: 'a batch that declares less than genesis asks',
    act: beating((w) => ({ draft: { retainUntil: Math.ceil(w.time / 1000) * 1000 + 86_400_000 } })),
    found: ['short_lock'],
  },
  {
    name: 'a batch that declares a lock that an administrator can lift',
    act: beating({ draft: { mode: 'governance' } }),
    found: ['short_lock'],
  },
  {
    name: 'a batch that declares no lock',
    act: beating({ draft: { mode: 'none', retainUntil: null } }),
    found: ['short_lock'],
  },
  {
    name: 'a payload object that declares less than its records',
    act: recording(
      {},
      { payload: (reference) => ({ ...reference, retainUntil: reference.retainUntil! - 5000 }) },
    ),
    found: ['short_lock'],
  },
  {
    name: 'a payload object without a lock, of a class that has one',
    act: recording(
      {},
      { payload: (reference) => ({ ...reference, mode: 'none', retainUntil: null }) },
    ),
    found: ['missing_object', 'payload_mismatch'],
    says: 'no object of standard, compliance',
  },
  {
    name: 'a payload object that declares a lock without an end',
    act: recording({}, { payload: (reference) => ({ ...reference, retainUntil: null }) }),
    found: ['missing_lock', 'short_lock'],
  },
  {
    name: 'an entry that is kept for less than its class asks',
    act: sealing(async (w) => {
      const until = Math.ceil(w.time / 1000) * 1000 + 86_400_000;
      return [await event(w, { leaf: { ret: { class: 'standard', mode: 'compliance', until } } })];
    }),
    found: ['class_mismatch'],
    verdict: 'valid',
  },
  {
    name: 'an entry of a class that the table does not have',
    act: sealing(async (w) => {
      const { until } = parseEntry((await beat(w)).leaf).payload.ret;
      return [await beat(w, { ret: { class: 'fleeting', mode: 'compliance', until } })];
    }),
    found: ['class_mismatch', 'seq_hole'],
    verdict: 'valid',
  },
];

function gzipped(bytes: Uint8Array): Uint8Array {
  return gzipSync(bytes);
}

function encoded(disclosure: readonly unknown[]): string {
  return toBase64Url(utf8Bytes(canonicalJson(disclosure as JsonValue)));
}

/** All of them. */
export const forgeries: readonly Attack[] = [
  ...keysAttacked,
  ...placesAttacked,
  ...headsAttacked,
  ...entriesAttacked,
  ...policiesAttacked,
  ...recordsAttacked,
  ...declarationsAttacked,
];
