import { randomBytes } from 'node:crypto';
import type { Genesis, GenesisDraft } from '../core/ledger/genesis.ts';
import { SteleError } from '../core/errors.ts';
import { jwkThumbprint, parsePublicJwk } from '../core/json/jws.ts';
import type { JwsSigner } from '../core/json/jws.ts';
import { makeCertificate } from '../core/ledger/statement.ts';
import { saveLedgerSecret, generateLedgerSecret } from '../keys/ledger-secret.ts';
import { jwsSigner, noteSigner } from '../keys/signers.ts';
import { initLedger, readGenesis } from '../ledger/log/init.ts';
import { writerIdOf } from '../ledger/journal/writer-folder.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import type { StagedPolicy } from '../policy/bundle/staged.ts';
import { objectKeys } from '../storage/object-keys.ts';
import { probeStore } from '../storage/probe.ts';
import type { Configuration } from './settings/configuration.ts';
import { exists, homeOf, keyAt, saveStatement } from './open/home.ts';
import type { Home } from './open/home.ts';
import { assertOrigin } from './open/own-ledger.ts';
import { archivePolicy } from '../ledger/log/policy-archive.ts';

/** PCI DSS 10.5.1 asks for twelve months; the margin covers clocks and leap days. */
const STANDARD_DAYS = 400;

/** What `stele init` did. */
export interface Founding {
  readonly genesis: Genesis;
  /** Whether the ledger is new, or this gateway joined one that was there. */
  readonly created: boolean;
  /** Whether this gateway was a writer of it already, so that nothing was to be done. */
  readonly known: boolean;
  readonly vkey: string;
  readonly writer: string;
}

/**
 * Founds the ledger that the configuration names, or joins it: makes the keys that are this gateway's own, certifies
 * its writer and checkpoint key by the root key, and writes genesis if there is none. Safe to run again, also once the
 * root key is somewhere safe.
 *
 * @throws {@link SteleError} `root_key_missing`, `root_key_foreign`, `ledger_secret_missing` when a ledger that is
 *   there cannot be joined from this folder: what belongs to the ledger is never made a second time.
 *   `configuration_invalid` when the configured origin is not the ledger's, or has a scheme where one is founded.
 */
export async function foundLedger(
  configuration: Configuration,
  store: ObjectStore,
  policy: StagedPolicy,
): Promise<Founding> {
  const home = homeOf(configuration);
  const found = await readGenesis(store, configuration.text('ledger'));
  // Before any key is made: what is refused leaves nothing behind.
  if (found !== null) assertOrigin(configuration, found);
  const origin = found?.origin ?? originToFound(configuration);
  const known = found !== null && (await exists(home.writerCertificate));
  const writerKey = await keyAt(home.writerKey);
  const checkpointKey = await keyAt(home.checkpointKey);
  // Before genesis: once that stands, nobody can tell a secret that was never made from one that was lost.
  if (!(await exists(home.ledgerSecret))) {
    if (found !== null) throw missing('ledger_secret_missing', home.ledgerSecret);
    await saveLedgerSecret(home.ledgerSecret, generateLedgerSecret());
  }
  const genesis =
    found ??
    (await createGenesis(configuration, store, { origin, policyId: policy.prepared.identity.id }));
  if (genesis.policy?.id === policy.prepared.identity.id) {
    const { id } = policy.prepared.identity;
    const { archive } = policy;
    const ledger = configuration.text('ledger');
    await archivePolicy(store, ledger, genesis, { id, archive }, () => Date.now());
  }
  const root = await rootOf(home, genesis);
  const writer = await writerIdOf(home.writer, (bytes) => randomBytes(bytes));
  const { vkey } = noteSigner(origin, checkpointKey);
  const { gen } = genesis;
  if (root !== null) {
    await saveStatement(
      home.writerCertificate,
      await makeCertificate({ gen, use: 'writer', jwk: writerKey.jwk, writer }, [root]),
    );
    await saveStatement(
      home.checkpointCertificate,
      await makeCertificate({ gen, use: 'checkpoint', jwk: checkpointKey.jwk, vkey }, [root]),
    );
  }
  return { genesis, created: found === null, known, vkey, writer };
}

/** The root key of a ledger that is there; null when it is put away and this gateway has its certificates. */
async function rootOf(home: Home, { roots }: Genesis): Promise<JwsSigner | null> {
  if (!(await exists(home.rootKey))) {
    const certified = [home.writerCertificate, home.checkpointCertificate].map(exists);
    if ((await Promise.all(certified)).every(Boolean)) return null;
    throw missing('root_key_missing', home.rootKey);
  }
  const root = jwsSigner(await keyAt(home.rootKey));
  const kids = roots.keys.map((jwk) => jwkThumbprint(parsePublicJwk({ ...jwk })));
  if (kids.includes(root.kid)) return root;
  const message = `${home.rootKey} is not a root key of this ledger`;
  throw new SteleError('root_key_foreign', message, { disposition: 'fix-configuration' });
}

function missing(code: string, path: string): SteleError {
  const message = `this ledger has been founded elsewhere: copy its ${path} here to join it`;
  return new SteleError(code, message, { disposition: 'fix-configuration' });
}

/** The origin of a ledger that is not there yet: c2sp.org/tlog-checkpoint wants a URL without its scheme. */
function originToFound(configuration: Configuration): string {
  const origin = configuration.optionalText('origin');
  if (origin === null) return `stele.invalid/log/${configuration.text('ledger')}`;
  const [scheme, rest] = origin.split('://');
  if (rest === undefined) return origin;
  const message = `origin is ${origin}, want a URL without its scheme (${scheme}://): it is fixed for ever once the ledger is founded`;
  throw new SteleError('configuration_invalid', message, { disposition: 'fix-configuration' });
}

async function createGenesis(
  configuration: Configuration,
  store: ObjectStore,
  { origin, policyId }: { readonly origin: string; readonly policyId: string },
): Promise<Genesis> {
  const ledger = configuration.text('ledger');
  const root = jwsSigner(await keyAt(homeOf(configuration).rootKey));
  await probeStore(store, {
    prefix: objectKeys(ledger).prefix,
    random: (bytes) => randomBytes(bytes),
    clock: () => Date.now(),
  });
  const draft: GenesisDraft = {
    origin,
    roots: { threshold: 1, keys: [root.jwk], next: [] },
    classes: {
      standard: { mode: 'compliance', days: STANDARD_DAYS, erasable: false, ground: null },
    },
    fallbackClass: 'standard',
    labels: ['source', 'operation', 'outcome'],
    limits: {
      batchEntries: 10_000,
      batchBytes: 33_554_432,
      headerBytes: 1_048_576,
      entryBytes: 65_535,
    },
    maxSealMs: 60_000,
    maxDecisionMs: 5_000,
    heartbeatMs: 600_000,
    batchLock: { mode: 'compliance', days: STANDARD_DAYS },
    policy: { id: policyId, approvals: [] },
    weakStore: false,
    predecessor: null,
    time: Date.now(),
  };
  return initLedger({ store, ledger, genesis: draft, rootSigners: [root] });
}
