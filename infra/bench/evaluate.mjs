// One evaluation by the strict engine, against the plain SDK over the same module and against OPA's own interpreter, by size of
// input and of policy. In turn, in one process, so that all see the same machine.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { canonicalJson } from '../../dist/core/json/canonical-json.js';
import { readBundle } from '../../dist/policy/bundle/bundle.js';
import { PolicyEngine } from '../../dist/policy/engine/engine.js';
import { preparePolicy } from '../../dist/policy/bundle/prepare.js';
import { buildBundle } from '../opa/build.mjs';
import { realEvents } from './events.mjs';
import { load, median } from './load.mjs';
import { opaInstalled, opaRequests, startOpa } from './peer-opa.mjs';
import { row } from './row.mjs';

const SIZES = [512, 4 * 1024, 32 * 1024];
const RATIO_BAR = 1.5;
/** Rules of the policies that are made for this; the default policy stands between them. */
const SMALL = 1;
const LARGE = 500;
/** Milliseconds that one side evaluates before the other has its turn. */
const TURN_MS = 60;
const ENTRYPOINT = 'stele/append';
const { loadPolicySync } = createRequire(import.meta.url)('@open-policy-agent/opa-wasm');

/** A policy of `rules` rules that all look at the event, none of which holds. */
function writePolicy(folder, rules) {
  mkdirSync(folder);
  const reasons = Array.from(
    { length: rules },
    (_, i) =>
      `reasons contains "r${i}" if {\n\tinput.event.eventName == "Name${i}"\n\tinput.event.awsRegion != "none"\n}\n`,
  );
  const entrypoint = (name, value) => `# METADATA\n# entrypoint: true\n${name} := ${value}\n`;
  const rego = [
    'package stele\n',
    entrypoint(
      'append',
      '{"allow": count(reasons) == 0, "class": "standard", "labels": {}, "mask": [], "reasons": sort(reasons)}',
    ),
    entrypoint('read', '{"allow": false, "reasons": []}'),
    entrypoint('admin', '{"allow": false, "approvals_needed": 1, "reasons": []}'),
    ...reasons,
  ];
  writeFileSync(join(folder, 'policy.rego'), rego.join('\n'));
  const manifest = { revision: '', roots: ['stele'], rego_version: 1 };
  writeFileSync(join(folder, '.manifest'), JSON.stringify(manifest));
}

/** Real events in the gateway's input, filled up to `bytes` with more of their own members. */
function inputsOf(bytes) {
  const inputs = opaRequests(realEvents().slice(0, 100)).map(({ body }) => JSON.parse(body).input);
  const texts = inputs.map(({ event, ...known }) => {
    const { eventName, eventTime, userIdentity } = event;
    const filled = bytes < 1024 ? { eventName } : { ...event };
    const text = () => canonicalJson({ ...known, event: filled });
    for (let i = 0; text().length < bytes; i += 1) {
      filled[`copy${i}`] = bytes < 1024 ? eventTime : { ...userIdentity, list: [i, eventName] };
    }
    return text();
  });
  return texts.sort((a, b) => a.length - b.length).slice(25, 75);
}

/** The least of the turns' microseconds of one call for each side: what else the machine does only adds to it. */
function inTurn(rounds, sides, items) {
  const least = sides.map(() => Infinity);
  for (let round = 0; round <= rounds; round += 1) {
    for (const [i, side] of sides.entries()) {
      const started = performance.now();
      let calls = 0;
      while (performance.now() - started < TURN_MS) {
        for (const item of items) side(item);
        calls += items.length;
      }
      // The first round is warm-up.
      if (round > 0) least[i] = Math.min(least[i], ((performance.now() - started) * 1000) / calls);
    }
  }
  return least;
}

async function measure(name, archive, rounds, rows) {
  const bundle = await readBundle(archive);
  const engine = new PolicyEngine(preparePolicy(bundle).compiled);
  const plain = loadPolicySync(bundle.wasm, { initial: 16, maximum: 4096 }, {});
  plain.setData(JSON.parse(bundle.data));
  for (const bytes of SIZES) {
    const items = inputsOf(bytes).map((text) => ({ text, value: JSON.parse(text) }));
    for (const { text, value } of items) assertSame(engine, plain, text, value);
    const [ours, theirs] = inTurn(
      rounds * 5,
      [
        ({ text }) => engine.evaluate(ENTRYPOINT, text),
        ({ value }) => plain.evaluate(value, ENTRYPOINT),
      ],
      items,
    );
    const ratio = ours / theirs;
    const size = median(items.map(({ text }) => text.length)) / 1024;
    rows.push(
      row(
        `${name}, ${size.toFixed(1)} KB: engine / SDK`,
        `${ours.toFixed(1)} / ${theirs.toFixed(1)} us = ${ratio.toFixed(2)}`,
        `<= ${RATIO_BAR}`,
        ratio <= RATIO_BAR,
      ),
    );
  }
}

/** What is fast must be right. */
function assertSame(engine, plain, text, value) {
  const ours = canonicalJson(engine.evaluate(ENTRYPOINT, text));
  const theirs = canonicalJson(plain.evaluate(value, ENTRYPOINT)[0].result);
  if (ours !== theirs) throw new Error(`engine says ${ours}, SDK ${theirs}`);
}

/** OPA's own timers of reading the input and of evaluating, and how often its server answers. */
async function measureOpa(name, folder, seconds, rows) {
  const opa = await startOpa(folder);
  try {
    for (const bytes of SIZES) {
      const bodies = inputsOf(bytes).map((text) => `{"input":${text}}`);
      const path = '/v1/data/stele/append';
      const headers = { 'content-type': 'application/json' };
      const requests = bodies.map((body) => ({ path, headers, body }));
      const { perSecond } = await load({ url: opa.url, connections: 64, seconds, requests });
      const times = [];
      for (const body of bodies) {
        const asked = `${opa.url}${path}?metrics=true`;
        const answer = await fetch(asked, { method: 'POST', headers, body });
        const { metrics } = await answer.json();
        times.push((metrics.timer_rego_input_parse_ns + metrics.timer_rego_query_eval_ns) / 1000);
      }
      const rate = Math.round(perSecond).toLocaleString('en');
      rows.push(
        row(
          `  opa run --server, ${name}, ${bytes / 1024} KB: its own timers`,
          `${median(times).toFixed(1)} us; ${rate}/s by HTTP`,
        ),
      );
    }
  } finally {
    await opa.stop();
  }
}

export async function evaluateAgainstSdk({ rounds, seconds }) {
  const scratch = mkdtempSync(join(tmpdir(), 'stele-evaluate-'));
  const rows = [];
  try {
    const made = { 'one rule': SMALL, [`${LARGE} rules`]: LARGE };
    for (const [name, rules] of Object.entries(made)) writePolicy(join(scratch, name), rules);
    const archives = new Map([['default policy', readFileSync('bundles/default/bundle.tar.gz')]]);
    const folders = new Map([['default policy', 'rego']]);
    for (const name of Object.keys(made)) {
      const folder = join(scratch, name);
      archives.set(name, await buildBundle(folder, 'bench'));
      folders.set(name, folder);
    }
    for (const [name, archive] of archives) {
      await measure(name, archive, rounds, rows);
      if (opaInstalled) await measureOpa(name, folders.get(name), Math.min(seconds, 3), rows);
    }
    return rows;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}
