import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Command } from 'commander';
import type { Report } from '../../core/verify/report.ts';
import { SteleError } from '../../core/errors.ts';
import { verifyProof } from '../../core/verify/verify.ts';
import type { ProofAnchors, ProofEvidence } from '../../core/verify/verify.ts';
import { policyAt } from '../reexecute/archived-policy.ts';
import type { Configuration } from '../settings/configuration.ts';
import { contextOf } from '../context.ts';
import { checkStore } from './fsck.ts';
import type { CheckFlags } from './fsck.ts';
import { exists } from '../open/home.ts';
import type { Output } from '../output.ts';
import { reexecuteEntry, reexecuteStore } from '../reexecute/range.ts';
import { exitCodeOfReport, printReport } from '../report-text.ts';
import { isStoreUrl, withStore } from '../open/store-url.ts';
import { checkAnchors, collected, readEvidenceFile, readKeys, readStatements } from './files.ts';
import { verifyServedLog } from './view.ts';
import { malformed } from '../option-values.ts';

interface VerifyFlags extends CheckFlags {
  readonly entry?: string;
  readonly genesisFile?: string;
  readonly certificates?: string;
  readonly jwks?: string;
  readonly reexecute?: boolean;
  readonly entries?: string;
  readonly policy?: string;
}

const ofProofs = ['entry', 'genesisFile', 'certificates', 'jwks'] as const;
const ofReexecution = ['entries', 'policy'] as const;

/** `stele verify`: a proof in files, a whole store, or a served log; nothing of the gateway is believed. */
export function verifyCommand(declared: Command): void {
  declared
    .argument('<target>', 'a .tlog-proof file, or the URL of a store or of a log')
    .option(
      '--vkey <vkey>',
      'checkpoint key of the log, from somewhere else than the operator; may be given again',
      collected,
    )
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
    .option('--reexecute', 'make every decision again by its archived policy, and compare')
    .option('--entries <range>', 'with --reexecute, of a store: one index, or first-last')
    .option(
      '--policy <place>',
      'with --reexecute, of a proof: a bundle file, or the URL of the store that archived it',
    )
    .addHelpText(
      'after',
      '\nExamples:\n  stele verify entry.tlog-proof --vkey "$VKEY"\n  stele verify file:///srv/store/payments --vkey "$VKEY" --checkpoint kept.note\n  stele verify file:///srv/store/payments --reexecute\n  stele verify http://127.0.0.1:8420/log/demo --vkey "$VKEY"',
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
    if (!URL.canParse(target)) throw noTarget(target);
    refuseFlags(flags, ['checkpoint', 'genesis', ...ofProofs, ...ofReexecution, 'reexecute']);
    return verifyServedLog(target, flags.vkey ?? [], output);
  }
  if (isStoreUrl(target)) {
    refuseFlags(flags, [...ofProofs, 'policy']);
    return withStore(target, configuration, async (store, settings) => {
      // First, so that a slip of the pen shows before the work.
      const range = rangeOf(flags);
      const report = await checkStore(settings, store, flags, output);
      if (range === null) return report;
      const place = { store, ledger: settings.text('ledger') };
      return reexecuteStore(place, report, range, output);
    });
  }
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(target)) throw noTarget(target);
  refuseFlags(flags, ['checkpoint', 'entries']);
  const report = verifyProof(await readEvidence(target, flags), anchorsOf(flags));
  if (flags.reexecute !== true) {
    refuseFlags(flags, ['policy']);
    return report;
  }
  // What is disclosed of an entry that does not stand is not worth running.
  if (report.verdict === 'invalid') return report;
  return reexecuteEntry(report, report.index ?? 0, async (id) =>
    policyAt(flags.policy, id, configuration),
  );
}

function noTarget(target: string): SteleError {
  const targets = 'a .tlog-proof file, a store (file:///… or s3://…) or a served log (http…)';
  const message = `${target} is no URL of anything that can be verified: ${targets}`;
  return malformed(message);
}

/** First and last index that are to be executed again; null where none is. */
function rangeOf(flags: VerifyFlags): readonly [number, number] | null {
  if (flags.reexecute !== true) {
    refuseFlags(flags, ['entries']);
    return null;
  }
  if (!flags.records) {
    const why = '--reexecute needs the records that --no-records leaves out';
    throw new SteleError('option_unused', why, { disposition: 'fix-configuration' });
  }
  if (flags.entries === undefined) return [0, Number.MAX_SAFE_INTEGER];
  const [, first, last = first] = /^([0-9]{1,15})(?:-([0-9]{1,15}))?$/.exec(flags.entries) ?? [];
  if (first === undefined || Number(last) < Number(first)) {
    throw malformed('--entries wants an index, or two as in 10-20');
  }
  return [Number(first), Number(last)];
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

async function readEvidence(target: string, flags: VerifyFlags): Promise<ProofEvidence> {
  if (!(await exists(target))) throw absent(`${target} does not exist`);
  if ((await stat(target)).isDirectory()) throw isFolder(target);
  if (flags.entry === undefined && !target.endsWith('.tlog-proof')) {
    const why = `${target} is no .tlog-proof file, as \`stele prove\` writes them (or name its entry with --entry)`;
    throw malformed(why);
  }
  const entry = flags.entry ?? target.replace(/\.tlog-proof$/, '.sd-jwt');
  if (!(await exists(entry))) {
    throw absent(`${entry}, the entry of ${target}, does not exist (\`stele prove\` writes both)`);
  }
  const beside = async (given: string | undefined, ending: string): Promise<string | null> => {
    const path = given ?? target.replace(/\.tlog-proof$/, ending);
    return given !== undefined || (await exists(path)) ? path : null;
  };
  const genesis = await beside(flags.genesisFile, '.genesis.json');
  const certificates = await beside(flags.certificates, '.certificates.json');
  return {
    proof: (await readEvidenceFile(target)).toString('utf8'),
    entry: (await readEvidenceFile(entry)).toString('utf8').trim(),
    ...(genesis === null ? {} : { genesis: await readEvidenceFile(genesis) }),
    ...(certificates === null ? {} : { certificates: await readStatements(certificates) }),
    ...(flags.jwks === undefined
      ? {}
      : {
          keys: await readKeys(flags.jwks),
        }),
  };
}

function isFolder(target: string): SteleError {
  const url = pathToFileURL(resolve(target)).href;
  const why = `${target} is a folder: where it is the ledger of a store, it is named ${url}`;
  return new SteleError('is_folder', why, { disposition: 'fix-configuration' });
}

function absent(message: string): SteleError {
  return new SteleError('file_missing', message, { disposition: 'fix-configuration' });
}

function anchorsOf(flags: VerifyFlags): ProofAnchors {
  return {
    ...(flags.vkey === undefined ? {} : { vkeys: flags.vkey }),
    ...(flags.genesis === undefined ? {} : { gen: flags.genesis }),
  };
}
