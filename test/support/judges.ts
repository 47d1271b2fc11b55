/** Asks the judges that this project did not write. Each answer says whether they accept, and what they said. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { projectRoot, run } from './tools.ts';

/** What a judge answered. */
export interface Judgement {
  readonly accepted: boolean;
  /** Size of the log that it accepted. */
  readonly size: number | null;
  /** What it printed, for the message of a failing test. */
  readonly said: string;
}

/** What our program around `golang.org/x/mod/sumdb` prints. */
export interface SumdbReport {
  readonly ok: boolean;
  readonly step?: string;
  readonly error?: string;
  readonly size: number;
  readonly tiles: number;
  readonly leaves: number;
  readonly inclusion: number;
  readonly consistency?: { readonly from: number; readonly to: number };
  readonly proof?: { readonly index: number; readonly size: number; readonly relation: string };
}

/** What Python's `sd-jwt` made of a presentation. */
export interface SdJwtReport {
  readonly ok: boolean;
  readonly error?: string;
  readonly header?: Record<string, unknown>;
  readonly payload?: Record<string, unknown>;
  readonly disclosures?: number;
}

/** A folder for the time of one use. */
export async function inFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'stele-judge-'));
  try {
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Tessera's fsck: rebuilds the whole log from its entry bundles. @param log - `http://…` or a folder. */
export async function askFsck(fsck: string, log: string, vkey: string): Promise<Judgement> {
  return inFolder(async (folder) => {
    const key = join(folder, 'log.vkey');
    await writeFile(key, vkey);
    const url = log.startsWith('http') ? log : `file://${log}`;
    // The library joins paths to the URL as to a base: without the slash it would drop the last segment.
    const args = [
      `--storage_url=${url.replace(/\/?$/, '/')}`,
      `--public_key=${key}`,
      '--ui=false',
      '--N=2',
    ];
    const { stdout, stderr } = await run(fsck, args);
    const said = `${stdout}${stderr}`;
    // This program ends with 0 whatever it found: only the sentence that it says last tells.
    const success = /Successfully fsck'd log with size (\d+) and root/.exec(said);
    const accepted = success !== null && !said.includes('fsck failed');
    return { accepted, size: accepted ? Number(success[1]) : null, said };
  });
}

/** What to ask `sumdb` beside the log: an older checkpoint, or a tlog-proof, as files. */
export interface SumdbQuestion {
  readonly log?: string;
  readonly vkey: string;
  readonly older?: string;
  readonly proof?: string;
  readonly leaf?: string;
  readonly sample?: number;
}

/** `golang.org/x/mod/sumdb`: checkpoint, tiles, bundles, inclusion, consistency, tlog-proof. */
export async function askSumdb(sumdb: string, question: SumdbQuestion): Promise<SumdbReport> {
  const args = Object.entries(question).map(([name, value]) => `--${name}=${String(value)}`);
  const { code, stdout, stderr } = await run(sumdb, args);
  if (code === 2 || stdout === '') throw new Error(`sumdb was asked wrongly: ${stderr}`);
  const report = JSON.parse(stdout) as SumdbReport;
  if (report.ok !== (code === 0))
    throw new Error(`sumdb said ${stdout} and ended with ${code ?? 'a signal'}`);
  return report;
}

/** Python's `sd-jwt`. @param keys - A JWK, or a JWK set as the gateway publishes it. */
export async function askSdJwt(
  python: string,
  presentation: string,
  keys: unknown,
): Promise<SdJwtReport> {
  return inFolder(async (folder) => {
    const [file, keyFile] = [join(folder, 'presentation.txt'), join(folder, 'keys.json')];
    await writeFile(file, presentation);
    await writeFile(keyFile, JSON.stringify(keys));
    const script = join(projectRoot, 'infra/judges/python/verify_sdjwt.py');
    const { stdout, stderr } = await run(python, ['-I', script, file, keyFile]);
    if (stdout === '') throw new Error(`python said ${stderr}`);
    return JSON.parse(stdout) as SdJwtReport;
  });
}
