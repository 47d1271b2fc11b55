import { readFileSync } from 'node:fs';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { Command } from 'commander';
import pc from 'picocolors';
import { sha256Base64Url } from '#platform';
import { SteleError } from '../core/errors.ts';
import type { Report } from '../core/verify/verify.ts';
import { generateApiKey } from '../keys/api-keys.ts';
import { appendLines } from './entry/append.ts';
import type { LineResult } from './entry/append.ts';
import type { Connection } from './client.ts';
import { composeGateway } from './open/gateway.ts';
import type { Composition } from './open/gateway.ts';
import type { Configuration } from './settings/configuration.ts';
import { contextOf } from './context.ts';
import { foundLedger } from './founding.ts';
import { checkStore } from './verify/fsck.ts';
import { exists, homeOf } from './open/home.ts';
import { addCaller, DEFAULT_ROLES } from './key/keygen.ts';
import { openPolicy } from './open/policy.ts';
import { openStore } from './open/store.ts';
import type { Output } from './output.ts';
import { untilStopped } from './serve.ts';
import { packageRoot } from './version.ts';

const EVENTS_FILE = new URL('test/data/cloudtrail/events.ndjson.gz', packageRoot);
const LINES_A_REQUEST = 100;
/** A demo talks to a person, and may run on a machine that is busy with something else. */
const demoDefaults = {
  'log.level': 'warn',
  'policy.deadlineMs': '1000',
  'callers.anonymous': true,
};

/** The three demo keys by role. They open nothing but a demo on this machine, so they are kept in the clear. */
type DemoKeys = Readonly<Record<(typeof DEFAULT_ROLES)[number], string>>;

/** `stele demo`: a gateway with real events in it, and what to try. */
export function demoCommand(declared: Command): void {
  declared
    .option('--once', 'stop after the ledger was verified instead of serving')
    .addHelpText('after', '\nExample:\n  stele demo\nA second run goes on with the same ledger.')
    .action(async (options: { once?: boolean }, command: Command) => {
      const { configuration, output } = contextOf(command, demoDefaults);
      const keys = await prepare(configuration, output);
      const composition = await composeGateway(configuration);
      try {
        await composition.ledger.ready();
        const connection = {
          url: composition.url,
          ledger: configuration.text('ledger'),
          token: keys.service,
        };
        await fill(connection, composition, output);
        const report = await verifyWhole(configuration, composition, output);
        tellWhatHappened(
          configuration,
          composition,
          { keys, report, goesOn: options.once !== true },
          output,
        );
        if (options.once === true) await composition.close();
        else await untilStopped(composition, output);
      } catch (error) {
        await composition.close();
        throw error;
      }
    });
}

/** Founds the ledger and makes the keys, the first time; what a first time that was cut short left out, the next. */
async function prepare(configuration: Configuration, output: Output): Promise<DemoKeys> {
  const home = homeOf(configuration);
  const path = join(home.folder, 'demo-keys.json');
  if (!(await exists(path))) {
    output.note('founding a ledger with keys of its own');
    const store = await openStore(configuration);
    try {
      await foundLedger(configuration, store, await openPolicy(configuration));
    } finally {
      await store.close();
    }
    const made = Object.fromEntries(DEFAULT_ROLES.map((role) => [role, generateApiKey().key]));
    await writeFile(`${path}.draft`, `${JSON.stringify(made)}\n`, { mode: 0o600, flush: true });
    await rename(`${path}.draft`, path);
  }
  const keys = JSON.parse(await readFile(path, 'utf8')) as DemoKeys;
  for (const role of DEFAULT_ROLES) {
    const caller = {
      id: `demo-${role}`,
      type: role === 'service' ? 'service' : 'user',
      roles: [role],
    };
    const made = { key: keys[role], sha256: sha256Base64Url(keys[role]) };
    await addCaller(home.apiKeys, caller, made);
  }
  return keys;
}

/** Appends the real events, once. */
async function fill(
  connection: Connection,
  composition: Composition,
  output: Output,
): Promise<void> {
  const events = gunzipSync(readFileSync(EVENTS_FILE)).toString('utf8').trim().split('\n');
  if (composition.ledger.status().treeSize > events.length) {
    output.note(`the ledger has ${composition.ledger.status().treeSize} entries from before`);
    return;
  }
  output.note(`appending ${events.length} real CloudTrail events`);
  const bar = output.progress('appending', events.length);
  try {
    for (let first = 0; first < events.length; first += LINES_A_REQUEST) {
      const lines = events.slice(first, first + LINES_A_REQUEST);
      // The same key in a later run: what an interrupted one has appended is not appended again.
      const results = await appendLines(connection, lines, { ack: 'sealed', key: `demo-${first}` });
      const bad = results.find(({ status }) => status >= 300);
      if (bad !== undefined) throw notTaken(bad);
      bar.update(Math.min(first + LINES_A_REQUEST, events.length));
    }
  } finally {
    bar.stop();
  }
}

function notTaken({ status, code, detail }: LineResult): SteleError {
  const message = `an event was not taken: ${status} ${code ?? ''} ${detail ?? ''}`;
  return new SteleError('demo_incomplete', message, { disposition: 'retry' });
}

/** Reads the whole ledger from the store, as an auditor would, with nothing of the gateway's memory. */
async function verifyWhole(
  configuration: Configuration,
  composition: Composition,
  output: Output,
): Promise<Report> {
  output.note('verifying the whole ledger from the store');
  const store = await openStore(configuration);
  try {
    const { note } = composition.ledger.head() ?? { note: null };
    const notes = note === null ? [] : [note];
    const flags = { vkey: [composition.vkey], notes, records: true, view: true };
    return await checkStore(configuration, store, flags, output);
  } finally {
    await store.close();
  }
}

function tellWhatHappened(
  configuration: Configuration,
  composition: Composition,
  { keys, report, goesOn }: { keys: DemoKeys; report: Report; goesOn: boolean },
  output: Output,
): void {
  const { treeSize, batchNumber } = composition.ledger.status();
  const bad = report.steps.filter((step) => step.verdict === 'fail').length;
  const verdict = bad === 0 ? pc.green('verified') : pc.red(`${bad} checks FAILED`);
  const base = `${composition.url}/v1/ledgers/${configuration.text('ledger')}`;
  // The client commands find the default address by themselves.
  const at = composition.url.endsWith(':8420') ? '' : ` --url ${composition.url}`;
  const text = `
${pc.bold('Stele')} ${goesOn ? 'serves' : 'has made'} ledger ${pc.bold(configuration.text('ledger'))} at ${composition.url}
  ${treeSize} entries in ${batchNumber + 1} batches, events decided by Rego, all signed and sealed: whole ledger ${verdict}
  ${composition.vkey}

${goesOn ? 'Try' : 'Nothing serves it now. Once something does, try'}, in another terminal, in this folder:

  as a service, append:
    export STELE_KEY=${keys.service}
    curl -sS ${base}/entries -H "authorization: Bearer $STELE_KEY" \\
      -H 'content-type: application/json' -d '{"eventSource":"demo","eventName":"Hello"}'

  as an auditor, who sees no member that the policy names as personal, read and prove:
    export STELE_KEY=${keys.auditor}
    npx stele entry 5${at}
    npx stele prove 5${at} --out five
    npx stele verify five.tlog-proof --vkey '${composition.vkey}'

  as an administrator, who appends and sees all:
    export STELE_KEY=${keys.admin}

${goesOn ? 'Ctrl-C stops it.' : '`make run` in a checkout, or `stele demo`, without --once serves it.'}`;
  output.result(
    {
      url: composition.url,
      vkey: composition.vkey,
      keys,
      treeSize,
      batches: batchNumber + 1,
      report,
    },
    text,
  );
}
