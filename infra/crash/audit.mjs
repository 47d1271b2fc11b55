// What is in the log, read as any C2SP client reads it: the checkpoint and the entry bundles over HTTP.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const WIDTH = 256;

async function bytesAt(url) {
  const answer = await fetch(url);
  if (answer.status !== 200)
    throw new Error(`${url} answers ${answer.status}: ${await answer.text()}`);
  return Buffer.from(await answer.arrayBuffer());
}

/** The newest checkpoint as text. */
export async function checkpointOf(url, ledger) {
  return (await bytesAt(`${url}/log/${ledger}/checkpoint`)).toString();
}

/** Tree size in a checkpoint. */
export const sizeOf = (checkpoint) => Number(checkpoint.split('\n')[1]);

/** C2SP tlog-tiles: the number in groups of three digits, all but the last marked by an x. */
function bundlePath(number, width) {
  const groups = String(number)
    .padStart(Math.ceil(String(number).length / 3) * 3, '0')
    .match(/.../g);
  const path = groups.map((group, at) => (at < groups.length - 1 ? `x${group}` : group)).join('/');
  return width === WIDTH ? path : `${path}.p/${width}`;
}

function entriesOf(bundle) {
  const entries = [];
  for (let at = 0; at < bundle.length;) {
    const end = at + 2 + bundle.readUInt16BE(at);
    entries.push(bundle.subarray(at + 2, end).toString('latin1'));
    at = end;
  }
  return entries;
}

/** Reads the whole log. @returns payloads of all its entries, in order */
export async function readLog(url, ledger, size) {
  const payloads = [];
  for (let number = 0; number * WIDTH < size; number += 1) {
    const width = Math.min(size - number * WIDTH, WIDTH);
    const bundle = await bytesAt(`${url}/log/${ledger}/tile/entries/${bundlePath(number, width)}`);
    for (const jws of entriesOf(bundle)) {
      payloads.push(JSON.parse(Buffer.from(jws.split('.')[1], 'base64url').toString()));
    }
  }
  return payloads;
}

/**
 * Holds what was acknowledged against the log.
 *
 * @returns lost: acknowledged and not there, or not at the index that was promised; doubled: there more than once;
 *   repeated: two allowed events of one idempotency identity
 */
export function compare(payloads, acknowledged) {
  const places = new Map();
  const identities = new Map();
  for (const [index, { jti, kind, idk }] of payloads.entries()) {
    places.set(jti, [...(places.get(jti) ?? []), index]);
    if (kind === 'event' && idk !== undefined) {
      identities.set(idk, (identities.get(idk) ?? 0) + 1);
    }
  }
  const lost = [];
  const doubled = [];
  for (const { id, index } of acknowledged) {
    const found = places.get(id) ?? [];
    if (found.length === 0 || (index !== null && !found.includes(index))) lost.push(id);
  }
  for (const [jti, found] of places) if (found.length > 1) doubled.push(jti);
  const repeated = [...identities.values()].filter((times) => times > 1).length;
  return { lost, doubled, repeated };
}

/** Asks golang.org/x/mod/sumdb whether the log extends every head that was seen. @returns what to print */
export function judgeHeads(url, ledger, vkey, heads) {
  const sumdb = resolve(import.meta.dirname, '../../.tools/bin/sumdb');
  if (!existsSync(sumdb)) return { ok: true, text: 'heads not judged: needs Go' };
  const folder = mkdtempSync(join(tmpdir(), 'stele-heads-'));
  try {
    for (const [number, head] of heads.entries()) writeFileSync(join(folder, `${number}`), head);
    const args = [
      `--log=${url}/log/${ledger}`,
      `--vkey=${vkey}`,
      '--sample=200',
      `--older=${folder}`,
    ];
    const { stdout } = spawnSync(sumdb, args, { encoding: 'utf8' });
    const report = JSON.parse(stdout);
    if (!report.ok) return { ok: false, text: `sumdb refuses: ${report.step}: ${report.error}` };
    return {
      ok: true,
      text: `sumdb: ${report.size} leaves, extends ${heads.length} earlier heads`,
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
