import { setTimeout } from 'node:timers/promises';
import { SteleError } from '../core/errors.ts';
import type { Genesis } from '../core/ledger/genesis.ts';
import { parseJws } from '../core/json/jws.ts';
import { applySchema } from '../core/entry/schema.ts';
import { CertificateSchema, statementTypes } from '../core/ledger/statement.ts';
import type { Certificate, Statement } from '../core/ledger/statement.ts';
import { objectKeys } from '../storage/object-keys.ts';
import { ledgerDefaults } from './context/components.ts';
import type {
  LedgerComponents,
  LedgerOptions,
  LedgerSettings,
  Sleep,
} from './context/components.ts';
import type { LedgerContext } from './context/context.ts';
import { HaltError } from './context/errors.ts';
import { FindingCounter } from './context/findings.ts';
import { journalFiles } from './context/files.ts';
import { confirmGenesis, knownGenesis, pinGenesis } from './log/known-genesis.ts';
import type { Ledger } from './ledger.ts';
import { RunningLedger } from './run/running-ledger.ts';
import { openWriterFolder, takeOver } from './journal/writer-folder.ts';
import type { WriterFolder } from './journal/writer-folder.ts';

/**
 * Opens a ledger as the writer whose folder is given. What earlier boots of it left is sealed without anybody's help:
 * wait for `ready()`. Works without the store if this folder has had the ledger open before; it is then not ready until
 * the store answers.
 *
 * @throws SteleError `ledger_missing` where there is none; {@link HaltError} `folder_in_use`, `certificate_mismatch`,
 *   `ledger_corrupt` (another genesis than this folder knows), `journal_corrupt`; StoreUnavailableError at the first
 *   opening without the store.
 */
export async function openLedger(
  components: LedgerComponents,
  options: LedgerOptions,
): Promise<Ledger> {
  const settings: LedgerSettings = { ...ledgerDefaults, ...options };
  const files = components.files ?? journalFiles;
  const folder = await openWriterFolder(files, settings.folder, components.random);
  try {
    const known = components.known ?? (await knownGenesis(components.store, settings, files));
    if (known === null) throw missing(settings.ledger);
    const { genesis, confirmed, pinned } = known;
    if (!pinned) await pinGenesis(files, settings.folder, genesis);
    const findings = new FindingCounter(components.log);
    const prepare = async (): Promise<void> => {
      if (!confirmed) await confirmGenesis(components.store, settings.ledger, genesis);
      await components.prepare?.();
    };
    const context = makeContext({ components, settings, genesis, prepare, folder, findings });
    const taken = await takeOver(files, folder, genesis.gen);
    // Whoever brings a `prepare` was not answered when he asked for it before.
    const isAway = !confirmed || components.prepare !== undefined;
    const storeFault = isAway ? 'store_unavailable' : null;
    return new RunningLedger({ context, folder, taken, findings, storeFault });
  } catch (error) {
    await folder.lock.release();
    throw error;
  }
}

function makeContext(parts: {
  readonly components: LedgerComponents;
  readonly settings: LedgerSettings;
  readonly genesis: Genesis;
  readonly prepare: () => Promise<void>;
  readonly folder: WriterFolder;
  readonly findings: FindingCounter;
}): LedgerContext {
  const { components, settings, genesis, prepare, folder, findings } = parts;
  const { writerSigner, checkpointSigner } = components;
  const writerCert = certificateOf(components.writerCert);
  const checkpointCert = certificateOf(components.checkpointCert);
  if (writerCert.use !== 'writer' || writerCert.kid !== writerSigner.kid) {
    throw mismatch('the writer certificate is not of the writer key');
  }
  if (writerCert.writer !== folder.writer) {
    throw mismatch(`the writer key is certified for ${writerCert.writer}, not ${folder.writer}`);
  }
  if (checkpointCert.use !== 'checkpoint' || checkpointCert.vkey !== checkpointSigner.vkey) {
    throw mismatch('the checkpoint certificate is not of the checkpoint key');
  }
  return {
    store: components.store,
    keys: objectKeys(settings.ledger),
    genesis,
    prepare,
    settings,
    clock: components.clock,
    random: components.random,
    sleep: components.sleep ?? sleep,
    log: components.log,
    policies: components.policies ?? null,
    files: components.files ?? journalFiles,
    writer: folder.writer,
    writerSigner,
    writerCert,
    checkpointSigner,
    checkpointCert,
    finding: (code, fields) => {
      findings.note(code, fields);
    },
  };
}

/**
 * What a certificate claims. Whether the root has signed it is judged with the first batch, under the root keys that
 * hold at that position of the log: they may have changed since genesis.
 */
function certificateOf(statement: Statement): Certificate {
  const [text = ''] = statement;
  const value = parseJws(text, statementTypes.certificate).payload;
  return { ...applySchema(CertificateSchema, value, 'certificate', 'bad_certificate'), statement };
}

const sleep: Sleep = async (ms, signal) => {
  // Aborted, it resolves all the same: who waits looks again.
  await setTimeout(ms, undefined, signal === undefined ? {} : { signal }).catch(() => undefined);
};

function missing(ledger: string): SteleError {
  return new SteleError('ledger_missing', `there is no ledger ${ledger} in this store`, {
    disposition: 'fix-configuration',
  });
}

function mismatch(message: string): HaltError {
  return new HaltError('certificate_mismatch', message);
}
