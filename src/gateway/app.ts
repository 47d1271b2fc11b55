import express from 'express';
import type { ErrorRequestHandler, Express, Request, RequestHandler, Response } from 'express';
import { checkArrival } from './request/arrival.ts';
import { CallerGoneError } from './request/body.ts';
import { problemAnswer, sendAnswer } from './request/answer.ts';
import type { Answer } from './request/answer.ts';
import type { GatewayComponents } from './context/components.ts';
import { Gateway } from './request/gateway.ts';
import type { Route } from './request/pipeline.ts';
import { bringsSomething, ProblemError, problemOf } from './context/problem.ts';
import { Stay } from './quota/room.ts';
import { routes } from './routes/index.ts';
import type { GatewaySettings } from './context/settings.ts';

/** The application with what outlives its requests. */
export interface GatewayApp {
  readonly express: Express;
  readonly gateway: Gateway;
}

/**
 * Makes the Express application: a table of routes, each handled in one function, and one place where anything thrown
 * becomes a problem.
 */
export function createApp(components: GatewayComponents, settings: GatewaySettings): GatewayApp {
  const gateway = new Gateway(components, settings);
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.enable('case sensitive routing');
  app.enable('strict routing');
  app.set('query parser', false);
  app.set('trust proxy', settings.trustedProxies.length === 0 ? false : settings.trustedProxies);
  for (const route of routes) app[route.method](route.path, handlerOf(gateway, route));
  for (const [path, allow] of methodsByPath()) {
    app.all(
      path,
      refuse(gateway, new ProblemError('method_not_allowed', { headers: ['Allow', allow] })),
    );
  }
  app.use(refuse(gateway, new ProblemError('route_unknown')));
  const last: ErrorRequestHandler = (error, request, response, next) => {
    if (response.headersSent) {
      next(error);
      return;
    }
    void fail(gateway, request, response, error);
  };
  app.use(last);
  return { express: app, gateway };
}

function handlerOf(gateway: Gateway, route: Route): RequestHandler {
  return (request, response) => {
    void handle(gateway, route, request, response);
  };
}

async function handle(
  gateway: Gateway,
  route: Route,
  request: Request,
  response: Response,
): Promise<void> {
  const started = performance.now();
  const id = gateway.requestIds.of(request);
  const stay = new Stay(gateway.room);
  gateway.enter();
  let answer: Answer | null = null;
  try {
    checkArrival(request);
    answer = await route.answer(gateway, { request, response, id, stay });
  } catch (error) {
    answer = answerTo(gateway, error, id, route.write);
  }
  if (answer !== null && route.headers !== undefined) {
    answer = { ...answer, headers: [...route.headers, ...(answer.headers ?? [])] };
  }
  try {
    // A caller that is gone gets nothing; its connection is closed already.
    if (answer !== null) await sendAnswer(response, answer, id, mayStay(gateway, request));
  } catch (error) {
    // The status is out, so the only honest end is a cut connection: the body stays visibly incomplete.
    gateway.components.log.error('answer_failed', { request: id, route: route.name, error });
    response.destroy();
  } finally {
    stay.end();
    gateway.leave();
    report(gateway, route.name, answer?.status ?? 499, id, performance.now() - started);
  }
}

/** Not with a part of a body unread, for it would be taken for the next request; nor when the gateway is to end. */
function mayStay(gateway: Gateway, request: Request): boolean {
  return request.complete && !gateway.closing;
}

function report(gateway: Gateway, route: string, status: number, id: string, ms: number): void {
  gateway.metrics.observe(route, status, ms / 1000);
  if (!gateway.settings.requestLog) return;
  gateway.components.log.info('request', { request: id, route, status, ms: Math.round(ms) });
}

function answerTo(gateway: Gateway, error: unknown, id: string, write: boolean): Answer | null {
  if (error instanceof CallerGoneError) return null;
  const { problem, headers } = problemOf(error, id, write);
  gateway.logProblem(id, problem, error);
  return problemAnswer(problem, headers);
}

function refuse(gateway: Gateway, error: ProblemError): RequestHandler {
  return (request, response) => {
    void fail(gateway, request, response, error);
  };
}

async function fail(
  gateway: Gateway,
  request: Request,
  response: Response,
  error: unknown,
): Promise<void> {
  const id = gateway.requestIds.of(request);
  const answer = answerTo(gateway, error, id, bringsSomething(request));
  if (answer === null) return;
  await sendAnswer(response, answer, id, mayStay(gateway, request));
  report(gateway, 'none', answer.status, id, 0);
}

function methodsByPath(): ReadonlyMap<string, string> {
  const methods = new Map<string, string>();
  for (const { method, path } of routes) {
    const known = methods.get(path);
    const names = method === 'get' ? 'GET, HEAD' : method.toUpperCase();
    methods.set(path, known === undefined ? names : `${known}, ${names}`);
  }
  return methods;
}
