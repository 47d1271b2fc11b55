import { toBase64, toBase64Url, utf8Text } from '../../core/platform/bytes.ts';
import type { PolicyStatus } from '../../ledger/context/receipt.ts';
import type { Arrival } from '../request/arrival.ts';
import { queryOf } from '../request/arrival.ts';
import { jsonAnswer } from '../request/answer.ts';
import { readRoute } from '../request/pipeline.ts';
import { ProblemError } from '../context/problem.ts';
import { consistencyQuerySchema, noQuerySchema } from '../schema/requests.ts';

const JSON_TYPE = 'application/json';

/** `GET /v1/ledgers/{ledger}`: what a verifier needs to know before it looks at anything else. */
export const ledgerRoute = readRoute(
  { name: 'ledger', path: '/v1/ledgers/:ledger' },
  {
    action: 'ledger.read',
    wish: ({ request }: Arrival) => queryOf(request, noQuerySchema),
    find: async (desk) => Promise.resolve(desk.served.ledger.head()),
    resource: (desk) => desk.ledgerResource,
    mediaType: () => JSON_TYPE,
    answer: ({ desk }, _wish, head) => {
      const { name, ledger } = desk.served;
      const { genesis } = ledger;
      const { vkeys, jwks } = ledger.keys();
      return jsonAnswer(200, {
        name,
        origin: genesis.origin,
        genesis: toBase64Url(genesis.hash),
        genesis_object: utf8Text(genesis.bytes),
        certificates: ledger.certificates(),
        vkeys,
        jwks,
        size: head?.size ?? 0,
        root: head === null ? null : toBase64(head.root),
        checkpoint: head?.note ?? null,
        classes: genesis.classes,
        policy: policyOf(ledger.policy()),
      });
    },
  },
);

function policyOf({ active, deciding, fault }: PolicyStatus): object {
  const { id = null, digest = null, index = null } = active ?? {};
  return { active: id, digest, activation: index, deciding, fault };
}

/** `GET /v1/ledgers/{ledger}/consistency?from=&to=`: that the tree of one size extends that of another. */
export const consistencyRoute = readRoute(
  { name: 'consistency', path: '/v1/ledgers/:ledger/consistency' },
  {
    action: 'consistency.read',
    wish: ({ request }: Arrival) => queryOf(request, consistencyQuerySchema),
    find: async (desk) => Promise.resolve(desk.served.ledger.head()),
    resource: (desk) => desk.ledgerResource,
    mediaType: () => JSON_TYPE,
    answer: async ({ desk }, { from, to }, head) => {
      const size = head?.size ?? 0;
      const until = to ?? size; // The newest signed head.
      if (from > until || until > size) {
        throw new ProblemError('range_invalid', { detail: `the newest signed size is ${size}` });
      }
      const path = await desk.served.ledger.consistency(from, until);
      return jsonAnswer(200, {
        from,
        to: until,
        path: path.map((hash) => toBase64(hash)),
        ...(until === size ? { checkpoint: head?.note ?? null } : {}),
      });
    },
  },
);
