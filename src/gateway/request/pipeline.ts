/**
 * The order in which a request is handled, once for each of the three kinds of route. No handler can forget a step:
 * it gets only what the steps before it gave.
 *
 *     open     check, answer
 *     read     check, authenticate, ledger, room, parse, find, decide, record the access, answer
 *     write    check, authenticate, ledger, body, room, parse, for each event: decide, record, acknowledge
 */
import { CallerError } from '../../keys/caller.ts';
import type { Caller } from '../../keys/caller.ts';
import type { ActionName } from '../../policy/contract/decision.ts';
import type { DecidedRead, KnownFacts } from '../../policy/decide/jobs.ts';
import { pathParameter, purposeOf } from './arrival.ts';
import type { Arrival } from './arrival.ts';
import type { Answer } from './answer.ts';
import type { Asker } from '../context/asker.ts';
import type { Desk } from './desk.ts';
import type { Gateway } from './gateway.ts';
import { again } from '../context/outcomes.ts';
import { ProblemError } from '../context/problem.ts';
import type { ReadTerms } from '../entry/reads.ts';
import { ownerOf } from '../quota/shares.ts';
import type { CountedAction } from '../context/summary.ts';

/** A path with a method, and how it is answered. */
export interface Route {
  /** Label of its metrics. */
  readonly name: string;
  readonly method: 'get' | 'options' | 'post';
  /** Express pattern. */
  readonly path: string;
  /** Whether it stores what it is sent: problems then say what became of it. */
  readonly write: boolean;
  /** Headers of every answer, problems too: names and values in turn. */
  readonly headers?: readonly string[];
  readonly answer: (gateway: Gateway, arrival: Arrival) => Answer | Promise<Answer>;
}

/** A request that passed the steps before its handler. */
export interface Admitted extends Arrival {
  readonly gateway: Gateway;
  readonly desk: Desk;
  readonly asker: Asker;
}

/** How one thing is read. `Wish` is what the request asks for, `Found` what the ledger has of it. */
export interface ReadSpec<Wish, Found> {
  readonly action: ActionName;
  /** Parses path, query and `Accept`. @throws {@link ProblemError} before anything is decided. */
  readonly wish: (arrival: Arrival, gateway: Gateway) => Wish;
  readonly find: (desk: Desk, wish: Wish, asker: Asker) => Promise<Found>;
  /** What the policy sees of it, without anything of its record. */
  readonly resource: (
    desk: Desk,
    wish: Wish,
    found: Found,
    caller: Caller,
  ) => KnownFacts['resource'];
  readonly mediaType: (wish: Wish) => string;
  /** How it is decided where what was found was decided before, entry by entry. */
  readonly terms?: (found: Found) => ReadTerms;
  /** Runs after the access is durable. */
  readonly answer: (
    admitted: Admitted,
    wish: Wish,
    found: Found,
    decided: DecidedRead,
  ) => Answer | Promise<Answer>;
}

/** A route that everybody may ask, without a decision: it tells nothing of a ledger's content. */
export function openRoute(
  facts: Pick<Route, 'name' | 'method' | 'path' | 'headers'>,
  answer: Route['answer'],
): Route {
  return { ...facts, write: false, answer };
}

/** A route that is decided by `stele/read`, whose access is an entry before it is answered. */
export function readRoute<Wish, Found>(
  facts: Pick<Route, 'name' | 'path' | 'headers'>,
  spec: ReadSpec<Wish, Found>,
): Route {
  const answer = async (gateway: Gateway, arrival: Arrival): Promise<Answer> => {
    const admitted = await admit(gateway, arrival, spec.action);
    return counted(admitted, spec.action, async () => read(admitted));
  };
  const read = async (admitted: Admitted): Promise<Answer> => {
    const { gateway, stay } = admitted;
    stay.work();
    const wish = spec.wish(admitted, gateway);
    const { found, decided } = await again(async () => decide(admitted, wish));
    return spec.answer(admitted, wish, found, decided);
  };
  const decide = async (
    { desk, asker }: Admitted,
    wish: Wish,
  ): Promise<{ readonly found: Found; readonly decided: DecidedRead }> => {
    const found = await spec.find(desk, wish, asker);
    const resource = spec.resource(desk, wish, found, asker.caller);
    const reading = { action: spec.action, resource, mediaType: spec.mediaType(wish) };
    return { found, decided: await desk.reads.decide(asker, reading, spec.terms?.(found)) };
  };
  return { ...facts, method: 'get', write: false, answer };
}

/**
 * A route that takes a body. Unless told otherwise it stores what it is sent: events, each decided by `stele/append`
 * and recorded, whatever is decided.
 */
export function writeRoute(
  facts: Pick<Route, 'name' | 'path'> & Partial<Pick<Route, 'write'>>,
  answer: (admitted: Admitted) => Promise<Answer>,
  action: CountedAction = 'entry.append',
): Route {
  return {
    write: true,
    ...facts,
    method: 'post',
    answer: async (gateway, arrival) => {
      const admitted = await admit(gateway, arrival, action);
      return counted(admitted, action, async () => answer(admitted));
    },
  };
}

async function admit(gateway: Gateway, arrival: Arrival, action: CountedAction): Promise<Admitted> {
  const desk = gateway.desk(pathParameter(arrival.request, 'ledger'));
  const caller = await authenticate(gateway, arrival, desk, action);
  // Only now: a stranger is not told which ledgers there are.
  if (desk === undefined) throw new ProblemError('ledger_unknown');
  arrival.stay.of(ownerOf(caller));
  const purpose = purposeOf(arrival.request);
  const stated = purpose === undefined ? {} : { purpose };
  const context = { ip: gateway.addressOf(arrival.request), request_id: arrival.id, ...stated };
  return { ...arrival, gateway, desk, asker: { caller, context } };
}

/** What there was no room for is no decision either, and not unseen: a flood of one caller shows in the ledger. */
async function counted(
  { desk }: Admitted,
  action: CountedAction,
  answer: () => Promise<Answer>,
): Promise<Answer> {
  try {
    return await answer();
  } catch (error) {
    if (error instanceof ProblemError && error.code === 'overloaded') {
      desk.summary.count({ entrypoint: 'room', action, allow: false, code: error.code });
    }
    throw error;
  }
}

/** Failed authentication is no decision: it is counted, and sealed in the ledger's next summary. */
async function authenticate(
  gateway: Gateway,
  { request }: Arrival,
  desk: Desk | undefined,
  action: CountedAction,
): Promise<Caller> {
  try {
    return await gateway.components.callers.identify(request.headers.authorization);
  } catch (error) {
    if (error instanceof CallerError) {
      desk?.summary.count({
        entrypoint: 'authenticate',
        action,
        allow: false,
        code: error.code,
      });
    }
    throw error;
  }
}
