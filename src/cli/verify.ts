import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import type { Report } from '../core/report.ts';
import { SteleError } from '../core/errors.ts';
import { verifyProof } from '../core/verify.ts';
import type { ProofAnchors, ProofEvidence } from '../core/verify.ts';
import { resolveConfiguration } from './configuration.ts';
import type { Configuration } from './configuration.ts';
import { contextOf } from './context.ts';
import { checkStore } from './fsck.ts';
import type { CheckFlags } from './fsck.ts';
import { exists } from './home.ts';
import { openStore } from './open-store.ts';
import type { Output } from './output.ts';
import { exitCodeOfReport, printReport } from './report-text.ts';
import { checkAnchors, readKeys, readStatements } from './verify-files.ts';
import { verifyServedLog } from './verify-view.ts';

interface VerifyFlags extends CheckFlags {
  readonly entry?: string;
  readonly genesisFile?: string;
  readonly certificates?: string;
  readonly jwks?: string;
}

/** `stele verify`: a proof in files, a whole store, or a served log; nothing of the gateway is believed. */
export function addVerifyCommand(program: Command): void {
  program
    .command('verify')
    .description(
      'verify a proof (offline), a store (file:///…, s3://bucket/ledger) or a served log (http…)',
    )
    .argument('<target>', 'a .tlog-proof file, or the URL of a store or of a log')
    .option('--vkey <vkey>', 'checkpoint key of the log, from somewhere else than the operator')
    .option('--entry <file>', 'the entry (JWS or SD-JWT) of the proof; default: <name>.sd-jwt')
    .option('--genesis <hash>', 'hash of genesis, from somewhere else')
    .option(
      '--genesis-file <file>',
      'the genesis object, to check certificates against; default: <name>.genesis.json',
    )
    .option(
      '--certificates <file>',
      'certificates of the keys in the proof; default: <name>.certificates.json',
    )
    .option('--jwks <file>', 'JWKS of the entry signers, where there are no certificates')
    .option(
      '--checkpoint <file>',
      'of a store: a checkpoint that you kept, nothing of which may be missing',
    )
    .option('--no-records', 'of a store: do not read and open the records')
    .option('--no-view', 'of a store: do not compare the published static view')
    .addHelpText(
      'after',
      '\nExamples:\n  stele verify entry.tlog-proof --vkey "$VKEY"\n  stele verify file:///srv/store/payments --vkey "$VKEY" --checkpoint kept.note\n  stele verify http://127.0.0.1:8420/log/demo --vkey "$VKEY"',
    )
    .action(async (target: string, flags: VerifyFlags, command: Command) => {
      const { configuration, output } = contextOf(command);
      checkAnchors(flags);
      const report = await verifyTarget(target, flags, configuration, output);
      printReport(report, output);
      process.exitCode = exitCodeOfReport(report);
    });
}

async function verifyTarget(
  target: string,
  flags: VerifyFlags,
  configuration: Configuration,
  output: Output,
): Promise<Report> {
  if (/^https?:/.test(target)) {
    refuseFlags(flags, ['checkpoint', 'genesis', 'entry', 'genesisFile', 'certificates', 'jwks']);
    return verifyServedLog(target, flags.vkey ?? null, output);
  }
  if (/^(file|s3):/.test(target)) {
    refuseFlags(flags, ['entry', 'genesisFile', 'certificates', 'jwks']);
    const settings = storeSettings(target, configuration);
    const store = await openStore(settings);
    try {
      return await checkStore(settings, store, flags, output);
    } finally {
      await store.close();
    }
  }
  refuseFlags(flags, ['checkpoint']);
  return verifyProof(await readEvidence(target, flags), anchorsOf(flags));
}

/** What this kind of target is not held against must not look as if it had been. */
function refuseFlags(flags: VerifyFlags, unused: readonly (keyof VerifyFlags)[]): void {
  const given = unused.find((name) => flags[name] !== undefined);
  if (given === undefined) return;
  const option = `--${given.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
  throw new SteleError('option_unused', `${option} says nothing about this kind of target`, {
    disposition: 'fix-configuration',
  });
}

/** `file:///folder/ledger` and `s3://bucket/ledger` as settings; credentials and endpoint stay as configured. */
function storeSettings(target: string, configuration: Configuration): Configuration {
  const url = new URL(target);
  const [ledger = '', ...parents] = url.pathname.split('/').filter(Boolean).reverse();
  const place: Record<string, string> =
    url.protocol === 'file:'
      ? {
          'store.kind': 'file',
          'store.path': fileURLToPath(`file:///${parents.reverse().join('/')}`),
        }
      : { 'store.kind': 's3', 'store.bucket': url.hostname };
  const kept = ['store.endpoint', 'store.region', 'store.accessKeyId', 'store.secretAccessKey'];
  const flags = Object.fromEntries(
    kept.flatMap((key) => {
      const value = configuration.optionalText(key);
      return value === null ? [] : [[key, value] as const];
    }),
  );
  return resolveConfiguration({ flags: { ...flags, ...place, ledger }, environment: {} });
}

async function readEvidence(target: string, flags: VerifyFlags): Promise<ProofEvidence> {
  const entry = flags.entry ?? target.replace(/\.tlog-proof$/, '.sd-jwt');
  if (!(await exists(target)) || !(await exists(entry))) {
    throw new SteleError(
      'file_missing',
      `verify needs ${target} and its entry ${entry} (\`stele prove\` makes both)`,
      { disposition: 'fix-configuration' },
    );
  }
  const beside = async (given: string | undefined, ending: string): Promise<string | null> => {
    const path = given ?? target.replace(/\.tlog-proof$/, ending);
    return given !== undefined || (await exists(path)) ? path : null;
  };
  const genesis = await beside(flags.genesisFile, '.genesis.json');
  const certificates = await beside(flags.certificates, '.certificates.json');
  return {
    proof: await readFile(target, 'utf8'),
    entry: (await readFile(entry, 'utf8')).trim(),
    ...(genesis === null ? {} : { genesis: await readFile(genesis) }),
    ...(certificates === null ? {} : { certificates: await readStatements(certificates) }),
    ...(flags.jwks === undefined
      ? {}
      : {
          keys: await readKeys(flags.jwks),
        }),
  };
}

function anchorsOf(flags: VerifyFlags): ProofAnchors {
  return {
    ...(flags.vkey === undefined ? {} : { vkeys: [flags.vkey] }),
    ...(flags.genesis === undefined ? {} : { gen: flags.genesis }),
  };
}
