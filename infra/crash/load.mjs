// Writers that outlive the gateway: each keeps its connection, remembers what was acknowledged, and sends what was not
// again, under the same idempotency key, to the next life.
import { Agent, request } from 'node:http';

const LINES = 10;
const PAUSE_MS = 30;

/**
 * @typedef {object} Tally
 * @property {Map<string, {id: string, index: number | null}>} acknowledged by idempotency key
 * @property {{keys: string[], ids: string[]}[]} conflicts keys that were acknowledged with two ids
 * @property {number} refused answers that said no, with what became of the data
 */

/** Starts writers; each works until `stop` is called. */
export function startLoad({ url, ledger, key, events, connections, random }) {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const tally = { acknowledged: new Map(), conflicts: [], answers: new Map(), retried: 0 };
  let running = true;
  let first = null;

  const post = (path, headers, body) =>
    new Promise((done) => {
      const options = {
        method: 'POST',
        agent,
        headers: { authorization: `Bearer ${key}`, ...headers },
      };
      const sent = request(`${url}/v1/ledgers/${ledger}/entries${path}`, options, (answer) => {
        let text = '';
        // What came before the connection broke counts: an NDJSON answer acknowledges line by line.
        const end = () => done({ status: answer.statusCode, text });
        answer.setEncoding('utf8').on('data', (part) => (text += part));
        answer.on('end', end).on('error', end).on('aborted', end);
      });
      sent.on('error', () => done({ status: 0, text: '' }));
      sent.end(body);
    });

  const acknowledge = (name, { id, index }) => {
    const known = tally.acknowledged.get(name);
    if (known !== undefined && known.id !== id) tally.conflicts.push({ name, ids: [known.id, id] });
    tally.acknowledged.set(name, { id, index: index ?? known?.index ?? null });
    first?.();
  };
  const count = (status) => tally.answers.set(status, (tally.answers.get(status) ?? 0) + 1);

  const one = async (name, event) => {
    const path = random() < 0.1 ? '?ack=sealed' : '';
    const headers = { 'content-type': 'application/json', 'idempotency-key': name };
    const { status, text } = await post(path, headers, event);
    count(status);
    if (status !== 201 && status !== 202) return false;
    const answer = parsed(text);
    if (answer !== null) acknowledge(name, answer);
    return answer !== null;
  };

  const many = async (name, lines) => {
    const headers = { 'content-type': 'application/x-ndjson', 'idempotency-key': name };
    const { status, text } = await post('', headers, `${lines.join('\n')}\n`);
    count(status);
    const answers = text.split('\n').slice(0, -1).map(parsed); // the last piece is empty, or cut
    for (const [line, answer] of answers.entries()) {
      if (answer?.id !== undefined) acknowledge(`${line}/${name}`, answer);
      else count(`line ${answer?.code ?? answer?.status}`);
    }
    return answers.length === lines.length && answers.every((answer) => answer?.id !== undefined);
  };

  const writer = async (number) => {
    for (let serial = 0; running; serial += 1) {
      const name = `w${number}-${serial}`;
      const at = (number * 7919 + serial * 13) % (events.length - LINES);
      const send =
        random() < 0.7
          ? () => one(name, events[at])
          : () => many(name, events.slice(at, at + LINES));
      while (running && !(await send())) {
        tally.retried += 1;
        await new Promise((later) => setTimeout(later, PAUSE_MS));
      }
    }
  };
  const writers = Array.from({ length: connections }, (_, number) => writer(number));

  return {
    tally,
    /** Resolves at the next acknowledgement. */
    nextAcknowledged: () => new Promise((done) => (first = done)),
    stop: async () => {
      running = false;
      agent.destroy();
      await Promise.all(writers);
    },
  };
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
