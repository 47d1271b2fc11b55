import type { PublicJwk } from '../../core/json/jws.ts';
import type { Callers } from '../../keys/callers.ts';
import type { LedgerSecret } from '../../keys/ledger-secret.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import type { PolicyFeed } from '../../policy/bundle/feed.ts';
import type { PolicyPool } from '../../policy/pool/pool.ts';
import type { DecideSettings } from '../../policy/decide/decide.ts';
import type { EvaluateOnce } from '../../policy/decide/one-shot.ts';
import type { PreparedPolicy } from '../../policy/bundle/prepare.ts';
import type { Shadow } from '../../policy/shadow/shadow.ts';
import type { StagedPolicy } from '../../policy/bundle/staged.ts';
import type { AlertWalk } from '../alert/walk.ts';

/** Where the gateway says what it does: one line an event. `fields` hold no credential and no input. */
export interface GatewayLog {
  info(event: string, fields?: Readonly<Record<string, unknown>>): void;
  warn(event: string, fields?: Readonly<Record<string, unknown>>): void;
  error(event: string, fields?: Readonly<Record<string, unknown>>): void;
}

/** Where a bundle that is to be activated comes from. */
export interface SubmittedFrom {
  /** Keys that may have signed it: of people, by the root. */
  readonly authors: readonly PublicJwk[];
  /** It was in charge before, and is out of the ledger's own archive. */
  readonly isArchived: boolean;
}

/** What a gateway needs to change the policy of a ledger. */
export interface PolicyChanges {
  /** The policy that decides here. */
  readonly prepared: () => PreparedPolicy | null;
  /** Takes a bundle through its staging. */
  readonly stage: (archive: Uint8Array, from: SubmittedFrom) => Promise<StagedPolicy>;
  /** Remembers what is about to be activated, so that it is not staged again. */
  readonly keep: (staged: StagedPolicy) => void;
  readonly evaluate: EvaluateOnce;
  readonly decide: DecideSettings;
}

/** What a gateway needs to have a candidate decide in the shadow of the policy in charge. */
export interface PolicyShadow extends Pick<Shadow, 'start' | 'stop' | 'status'> {
  /** Takes a bundle through its staging. Nobody has to have signed it: it decides nothing. */
  readonly stage: (archive: Uint8Array) => Promise<StagedPolicy>;
}

/** A ledger as the gateway serves it: under a name, decided by a policy. */
export interface ServedLedger {
  /** First part of its paths. */
  readonly name: string;
  readonly ledger: Ledger;
  readonly policy: Pick<PolicyPool, 'policy' | 'append' | 'read'>;
  /** Where its next policies come from; null where it follows no source. */
  readonly feed: Pick<PolicyFeed, 'status'> | null;
  /** How its policy can be changed here; absent where it cannot. */
  readonly changes?: PolicyChanges;
  /** Lets a candidate decide beside its policy, without effect; absent where that cannot be. */
  readonly shadow?: PolicyShadow;
  /** Asks `stele/alert` of what is sealed; absent where nobody does. */
  readonly alerts?: Pick<AlertWalk, 'start' | 'status'>;
  /** Shared by all writers of the ledger; knows a repeated write. */
  readonly secret: LedgerSecret;
}

/** The objects with behaviour that a gateway is made of. */
export interface GatewayComponents {
  readonly ledgers: readonly ServedLedger[];
  readonly callers: Callers;
  /** Epoch milliseconds. */
  readonly clock: () => number;
  /** That many unpredictable bytes. */
  readonly random: (bytes: number) => Uint8Array;
  readonly log: GatewayLog;
  /** Version of the program, for `/metrics` and `/openapi.json`. */
  readonly version: string;
}
