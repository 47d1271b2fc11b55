import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SteleError } from '../../core/errors.ts';
import type { Statement } from '../../core/ledger/statement.ts';
import { generateKey, loadKey, saveKey } from '../../keys/key-files.ts';
import type { PrivateKey } from '../../keys/key-files.ts';
import type { Configuration } from '../settings/configuration.ts';

/** Where a gateway keeps what is its own. Only `root` may move away, and should, once writers are certified. */
export interface Home {
  readonly folder: string;
  readonly rootKey: string;
  readonly checkpointKey: string;
  readonly writerKey: string;
  readonly ledgerSecret: string;
  readonly writerCertificate: string;
  readonly checkpointCertificate: string;
  readonly apiKeys: string;
  /** The writer's folder: id, journal and signer guard. */
  readonly writer: string;
  readonly store: string;
}

/** The layout of the data folder. */
export function homeOf(configuration: Configuration): Home {
  const folder = join(configuration.text('data'), configuration.text('ledger'));
  const keys = join(folder, 'keys');
  return {
    folder,
    rootKey: join(keys, 'root.json'),
    checkpointKey: join(keys, 'checkpoint.json'),
    writerKey: join(keys, 'writer.json'),
    ledgerSecret: join(keys, 'ledger-secret.json'),
    writerCertificate: join(keys, 'writer.cert.json'),
    checkpointCertificate: join(keys, 'checkpoint.cert.json'),
    apiKeys: configuration.optionalText('callers.apiKeys') ?? join(folder, 'api-keys.yaml'),
    writer: join(folder, 'writer'),
    store: configuration.optionalText('store.path') ?? join(folder, 'store'),
  };
}

/** Loads a key, or makes it where there is none. */
export async function keyAt(path: string): Promise<PrivateKey> {
  if (!(await exists(path))) {
    await mkdir(join(path, '..'), { recursive: true, mode: 0o700 });
    await saveKey(path, generateKey());
  }
  return loadKey(path);
}

/** Whether there is a file. */
export async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch {
    return false;
  }
}

/** Writes a certificate beside its key, synced as the key is; certificates are public. */
export async function saveStatement(path: string, statement: Statement): Promise<void> {
  await writeFile(path, `${JSON.stringify(statement)}\n`, { flush: true });
}

/** @throws {@link SteleError} `not_initialised` when the file is not there. */
export async function loadStatement(path: string): Promise<Statement> {
  if (!(await exists(path))) {
    throw new SteleError('not_initialised', `${path} is missing: run \`stele init\` first`, {
      disposition: 'fix-configuration',
    });
  }
  return JSON.parse(await readFile(path, 'utf8')) as Statement;
}
