// From the start of an append to a signed checkpoint that covers it, at 64 writers, on files and on a real S3 server.
import { Agent, request } from 'node:http';
import { realEvents } from './events.mjs';
import { ms, row } from './row.mjs';
import { startStele } from './stele.mjs';
import { startS3 } from './s3.mjs';

const WRITERS = 64;
const POLL_MS = 2;

/** @returns {Promise<number[]>} milliseconds of each append until the served checkpoint was seen to cover it */
async function measure(stele, seconds) {
  const events = realEvents();
  const agent = new Agent({ keepAlive: true });
  const checkpoint = watchCheckpoint(stele, agent);
  const until = performance.now() + seconds * 1000;
  const times = [];
  let next = 0;
  const writer = async () => {
    while (performance.now() < until) {
      const started = performance.now();
      const { status, text } = await ask(
        agent,
        `${stele.url}/v1/ledgers/bench/entries?ack=sealed`,
        {
          method: 'POST',
          headers: { 'content-type': 'application/json', authorization: `Bearer ${stele.key}` },
          body: events[next++ % events.length],
        },
      );
      if (status !== 201) throw new Error(`answered ${status}: ${text}`);
      await checkpoint.over(JSON.parse(text).index);
      times.push(performance.now() - started);
    }
  };
  await Promise.all(Array.from({ length: WRITERS }, writer));
  await checkpoint.end();
  agent.destroy();
  return times.sort((a, b) => a - b);
}

/** One reader asks for the checkpoint again and again; the writers wait for what it sees. */
function watchCheckpoint(stele, agent) {
  let newest = 0;
  let ended = false;
  let waiting = [];
  const watching = (async () => {
    while (!ended) {
      const { text } = await ask(agent, `${stele.url}/log/bench/checkpoint`);
      newest = Number(text.split('\n')[1]);
      for (const { index, resolve } of waiting) if (index < newest) resolve();
      waiting = waiting.filter(({ index }) => index >= newest);
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  })();
  return {
    over: async (index) => {
      if (index >= newest) await new Promise((resolve) => waiting.push({ index, resolve }));
    },
    end: async () => {
      ended = true;
      await watching;
    },
  };
}

/** One request by plain `node:http`: 64 of `fetch` took more of the processor than the gateway did. */
async function ask(agent, url, { method = 'GET', headers = {}, body } = {}) {
  return new Promise((resolve, reject) => {
    const asked = request(url, { agent, method, headers }, (response) => {
      const parts = [];
      response.on('data', (part) => parts.push(part));
      response.on('end', () => {
        resolve({ status: response.statusCode, text: Buffer.concat(parts).toString('utf8') });
      });
    });
    asked.on('error', reject);
    asked.end(body);
  });
}

async function bench(name, settings, seconds, barMs) {
  const stele = await startStele(settings);
  try {
    await measure(stele, 2);
    const times = await measure(stele, seconds);
    const at = (share) => times[Math.floor(times.length * share)];
    return row(
      `append to checkpoint, ${name}, ${WRITERS} writers: p50 / p99`,
      `${ms(at(0.5))} / ${ms(at(0.99))}`,
      `p50 <= ${barMs} ms`,
      at(0.5) <= barMs,
    );
  } finally {
    await stele.stop();
  }
}

export async function publishLatency({ seconds }) {
  const rows = [await bench('files', {}, seconds, 60)];
  const server = await startS3('versitygw');
  if (server === null)
    return [...rows, row('append to checkpoint, VersityGW', 'skipped: not installed (make tools)')];
  try {
    rows.push(await bench('VersityGW', server.settings, seconds, 300));
  } finally {
    await server.stop();
  }
  return rows;
}
