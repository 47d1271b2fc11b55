import { randomBytes } from 'node:crypto';
import type { Genesis, GenesisDraft } from '../core/genesis.ts';
import { makeCertificate } from '../core/statement.ts';
import { saveLedgerSecret, generateLedgerSecret } from '../keys/ledger-secret.ts';
import { jwsSigner, noteSigner } from '../keys/signers.ts';
import { initLedger, readGenesis } from '../ledger/init.ts';
import { writerIdOf } from '../ledger/writer-folder.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import { objectKeys } from '../storage/object-keys.ts';
import { probeStore } from '../storage/probe.ts';
import type { Configuration } from './configuration.ts';
import { exists, homeOf, keyAt, saveStatement } from './home.ts';

/** PCI DSS 10.5.1 asks for twelve months; the margin covers clocks and leap days. */
const STANDARD_DAYS = 400;

/** What `stele init` did. */
export interface Founding {
  readonly genesis: Genesis;
  /** Whether the ledger is new, or this gateway joined one that was there. */
  readonly created: boolean;
  readonly vkey: string;
  readonly writer: string;
}

/**
 * Founds the ledger that the configuration names, or joins it: makes the keys that are missing, certifies this
 * gateway's writer and checkpoint key by the root key, and writes genesis if there is none. Safe to run again.
 */
export async function foundLedger(
  configuration: Configuration,
  store: ObjectStore,
  policyId: string,
): Promise<Founding> {
  const home = homeOf(configuration);
  const ledger = configuration.text('ledger');
  const root = jwsSigner(await keyAt(home.rootKey));
  const found = await readGenesis(store, ledger);
  const genesis = found ?? (await createGenesis(configuration, store, policyId, root));
  const writer = await writerIdOf(home.writer, (bytes) => randomBytes(bytes));
  const writerKey = await keyAt(home.writerKey);
  const checkpointKey = await keyAt(home.checkpointKey);
  const { vkey } = noteSigner(genesis.origin, checkpointKey);
  const { gen } = genesis;
  await saveStatement(
    home.writerCertificate,
    await makeCertificate({ gen, use: 'writer', jwk: writerKey.jwk, writer }, [root]),
  );
  await saveStatement(
    home.checkpointCertificate,
    await makeCertificate({ gen, use: 'checkpoint', jwk: checkpointKey.jwk, vkey }, [root]),
  );
  if (!(await exists(home.ledgerSecret))) {
    await saveLedgerSecret(home.ledgerSecret, generateLedgerSecret());
  }
  return { genesis, created: found === null, vkey, writer };
}

async function createGenesis(
  configuration: Configuration,
  store: ObjectStore,
  policyId: string,
  root: ReturnType<typeof jwsSigner>,
): Promise<Genesis> {
  const ledger = configuration.text('ledger');
  await probeStore(store, {
    prefix: objectKeys(ledger).prefix,
    random: (bytes) => randomBytes(bytes),
    clock: () => Date.now(),
  });
  const draft: GenesisDraft = {
    origin: configuration.optionalText('origin') ?? `stele.invalid/log/${ledger}`,
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
