// `make bench`: speed as ratios to a peer and to this machine's own floor, all in one run.
//   --quick        short rounds, one of each
//   --only=a,b     decide,many,sealing,publish,idle,parts,evaluate,author,replay,
//                  swap,shadow
//   --json         one document instead of lines
import { readFileSync } from 'node:fs';
import { decideAgainstOpa } from './decide.mjs';
import { evaluateAgainstSdk } from './evaluate.mjs';
import { idleMemory } from './idle.mjs';
import { manyAgainstSingle } from './many.mjs';
import { appendByParts } from './parts.mjs';
import { policyAuthor } from './policy-author.mjs';
import { publishLatency } from './publish.mjs';
import { replayHistory } from './replay.mjs';
import { sealingKeepsUp } from './sealing.mjs';
import { shadowBeside } from './shadow.mjs';
import { swapUnderLoad } from './swap.mjs';

const quick = process.argv.includes('--quick');
const json = process.argv.includes('--json');
const only = process.argv
  .find((arg) => arg.startsWith('--only='))
  ?.slice('--only='.length)
  .split(',');
const plan = quick
  ? { rounds: 1, seconds: 4, warmSeconds: 2, sustainSeconds: 10, replayed: 20_000, swaps: 5 }
  : { rounds: 3, seconds: 10, warmSeconds: 4, sustainSeconds: 60, replayed: 100_000, swaps: 20 };

const benches = {
  decide: decideAgainstOpa,
  many: manyAgainstSingle,
  sealing: sealingKeepsUp,
  publish: publishLatency,
  idle: idleMemory,
  parts: appendByParts,
  evaluate: evaluateAgainstSdk,
  author: policyAuthor,
  replay: replayHistory,
  swap: swapUnderLoad,
  shadow: shadowBeside,
};

// A slip of the pen measures nothing, and must not look as if every bar were met.
const unknown = only?.find((name) => !Object.hasOwn(benches, name));
if (unknown !== undefined) {
  console.error(`--only: no such part: ${unknown}; there are ${Object.keys(benches).join(', ')}`);
  process.exit(2);
}

const say = json ? () => undefined : console.log;
const cpu =
  /model name\s+: (.*)/.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1] ?? 'unknown processor';
say(
  `Node ${process.version}, ${cpu}; the load generator shares the machine; ${JSON.stringify(plan)}`,
);
let missed = 0;
const measured = {};
for (const [name, bench] of Object.entries(benches)) {
  if (only !== undefined && !only.includes(name)) continue;
  say(`\n${name}`);
  measured[name] = await bench(plan);
  for (const { what, value, bar, met } of measured[name]) {
    const verdict = met === null ? '' : met ? 'met' : 'MISSED';
    if (met === false) missed += 1;
    say(`  ${what.padEnd(58)} ${value.padEnd(34)} ${bar === '' ? '' : `bar ${bar}: ${verdict}`}`);
  }
}
say(`\n${missed === 0 ? 'every bar is met' : `${missed} bars missed`}`);
process.exitCode = missed === 0 ? 0 : 1;
if (json) console.log(JSON.stringify({ node: process.version, cpu, plan, measured, missed }));
