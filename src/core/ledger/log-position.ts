/**
 * The state of a log at a position: all that the validity of the next batch depends on. Immutable; a batch makes a
 * new one that shares what did not change. It grows with writers, boots and keys, never with entries.
 */
import { sha256Base64Url } from '#platform';
import type { Entry } from '../entry/entry.ts';
import type { Genesis } from './genesis.ts';
import type { Sha256Hash } from '../tree/hash.ts';
import { initialConfig } from './config.ts';
import type { LogConfig } from './config.ts';
import { PersistentMap } from './persistent-map.ts';
import type { Certificate } from './statement.ts';
import { emptyEdge } from '../tree/tree.ts';
import type { RightEdge, TreeSize } from '../tree/tree.ts';

/** Where a boot of a writer stands in the log. */
export interface BootHead {
  readonly writer: string;
  readonly boot: string;
  /** Which boot of its writer it is, counted from 0 by first appearance in the log. */
  readonly order: number;
  /** Number of its last leaf. */
  readonly seq: number;
  /** Hash of the signing input of that leaf, base64url: what `prev` of its next has to be. */
  readonly hash: string;
  /** Highest admission time of its leaves, epoch ms. */
  readonly at: number;
  /** The policy that it says it decides with: of its boot entry, then of its last adoption. */
  readonly policy: string | null;
  /**
   * Its last number: a `close`, a `gap`, or what the next boot of its writer knew of it ended it. Of what that boot
   * knew, some may stand behind it in the log. Null while it goes on.
   */
  readonly end: number | null;
}

/** Where a writer stands in the log. */
export interface WriterHead {
  /** Boots that have appeared. */
  readonly boots: number;
  /** The boot of its last leaf. */
  readonly boot: string;
  /** Activations that it must have heard of, the oldest first. */
  readonly heard: readonly HeardActivation[];
}

/** An activation that was in charge when a writer sealed a batch. */
export interface HeardActivation {
  /** Its leaf index. */
  readonly index: number;
  /** Of the first such batch of this writer, epoch ms. */
  readonly time: number;
}

/** What the log knows of a key. `retired` and `revoked` are for ever. */
export interface KeyRecord {
  readonly kid: string;
  readonly status: 'certified' | 'retired' | 'revoked';
  /** Null where the root retired or revoked a key that no batch had used. */
  readonly certificate: Certificate | null;
  /** Of a retired writer key: the last that it signed. */
  readonly final: { readonly boot: string; readonly seq: number } | null;
  /** Tree size up to which it may have signed; null as long as it is certified. */
  readonly until: TreeSize | null;
}

/** A policy that an activation put in charge. */
export interface Activation {
  readonly id: string;
  /** SHA-256 of the bundle file, base64url; null for the policy of genesis. */
  readonly digest: string | null;
  /** Thumbprint of the key that signed the bundle, as the activation says; null for nobody, and for the policy of genesis. */
  readonly signer: string | null;
  /** Leaf index of the activation; null for the policy of genesis. */
  readonly index: number | null;
  /** After which admission time (epoch ms) it must not decide any more; null while it is in charge. */
  readonly until: number | null;
  /** Leaf index of the activation of the next one; null while it is in charge. */
  readonly successor: number | null;
  /** Writers that have said in an entry behind it that they decide by it. */
  readonly adopters: readonly string[];
}

/** An activation that broke the glass: everybody has to hear of it. */
export interface Alarm {
  /** Leaf index of the activation. */
  readonly index: number;
  /** The policy that it put in charge: what the alert names. */
  readonly policy: string;
  /** Who sealed it. */
  readonly writer: string;
  /** Whether the log has its alert. */
  readonly raised: boolean;
}

/** A log after its batch `number`, or after genesis (-1). */
export interface LogState {
  readonly genesis: Genesis;
  readonly config: LogConfig;
  /** Number of the last valid batch; -1 before the first. */
  readonly number: number;
  /** Hash of its bytes; of genesis before the first. */
  readonly sha256: Sha256Hash;
  /** Version of its object; null where it was read from a place that has none. */
  readonly versionId: string | null;
  readonly size: TreeSize;
  readonly edge: RightEdge;
  /** Time of the last batch, or of genesis, epoch ms. */
  readonly time: number;
  readonly writers: PersistentMap<WriterHead>;
  /** By {@link bootKey}. */
  readonly boots: PersistentMap<BootHead>;
  /** By kid: every key that a batch used or a `key` entry named. */
  readonly keys: PersistentMap<KeyRecord>;
  /** Certificates verified under the roots of this position, by `statementIdentity`. */
  readonly verified: PersistentMap<Certificate>;
  readonly policies: PersistentMap<Activation>;
  /**
   * By the leaf index of an activation, that of the policy which decided it; null for the policy of genesis, or nobody.
   * An id does not say: a policy may be in charge twice, each time by another one's decision.
   */
  readonly deciders: PersistentMap<number | null>;
  /** Leaf index of the activation that used an approval, by `approvalIdentity`: each is good once. */
  readonly approvals: PersistentMap<number>;
  /** Activations that broke the glass, by leaf index. */
  readonly alarms: PersistentMap<Alarm>;
  /** The policy in charge; null before the first activation of a ledger whose genesis names none. */
  readonly activePolicy: string | null;
  /** Whether the last batch said that none follows. */
  readonly final: boolean;
}

/** The state of a ledger before its first batch. */
export function initialState(genesis: Genesis): LogState {
  const policies = PersistentMap.empty<Activation>();
  const first = genesis.policy?.id ?? null;
  return {
    genesis,
    config: initialConfig(genesis),
    number: -1,
    sha256: genesis.hash,
    versionId: '',
    size: emptyEdge().size,
    edge: emptyEdge(),
    time: genesis.time,
    writers: PersistentMap.empty(),
    boots: PersistentMap.empty(),
    keys: PersistentMap.empty(),
    verified: PersistentMap.empty(),
    policies:
      first === null
        ? policies
        : policies.with(first, {
            ...{ id: first, digest: null, signer: null },
            ...{ index: null, until: null, successor: null, adopters: [] },
          }),
    deciders: PersistentMap.empty(),
    approvals: PersistentMap.empty(),
    alarms: PersistentMap.empty(),
    activePolicy: first,
    final: false,
  };
}

/** The key of a boot in {@link LogState.boots}: both identifiers have a fixed length. */
export function bootKey(writer: string, boot: string): string {
  return boot + writer;
}

/** The head of a boot, or undefined before its first leaf. */
export function bootHead(state: LogState, writer: string, boot: string): BootHead | undefined {
  return state.boots.get(bootKey(writer, boot));
}

/** What identifies an entry wherever it stands: SHA-256 of its signing input, base64url. */
export function entryIdentity(entry: Pick<Entry, 'signingInput'>): string {
  return sha256Base64Url(entry.signingInput);
}
